// One row with fetch, in Node.js or a browser:
//   node examples/fetch.mjs http://127.0.0.1:8000 progression '{"age": 59, …}'

const WAIT_MS = 5000;

/** The answer to some rows; repeats while the server says that it has too much to do. */
export async function predict(url, endpoint, rows, parameters = {}) {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const answer = await fetch(`${url}/v1/models/${encodeURIComponent(endpoint)}:predict`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ instances: rows, parameters }),
      signal: AbortSignal.timeout(Math.max(1, deadline - Date.now())),
    });
    if (answer.ok) return answer.json();
    const pause = 1000 * Number(answer.headers.get("retry-after") ?? NaN);
    if (!(Date.now() + pause < deadline)) throw new Error((await answer.json()).error);
    await new Promise((resume) => setTimeout(resume, pause));
  }
}

if (globalThis.process?.argv[1]?.endsWith("fetch.mjs")) {
  const [url, endpoint, row] = process.argv.slice(2);
  try {
    console.log(JSON.stringify(await predict(url, endpoint, [JSON.parse(row)])));
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
