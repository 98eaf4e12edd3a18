"use strict";

const shellQuoted = (text) => "'" + text.replaceAll("'", "'\\''") + "'";

function prepare(form) {
  const part = (name) => form.querySelector(`[data-part="${name}"]`);
  const [dialect, body, send, answer] = ["dialect", "body", "send", "answer"].map(part);
  const chosen = () => dialect.selectedOptions[0].dataset;

  const showCall = () => {
    part("path").textContent = chosen().path;
    part("curl").textContent =
      `curl -X POST ${shellQuoted(location.origin + chosen().path)} \\\n` +
      `  -H 'Content-Type: application/json' \\\n` +
      `  -d ${shellQuoted(compact(body.value))}`;
  };
  const reset = () => {
    body.value = inlined(chosen().example);
    showCall();
  };

  async function ask() {
    send.disabled = true;
    const started = performance.now();
    try {
      const response = await fetch(chosen().path, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: body.value,
      });
      const text = await response.text();
      show(`${response.status} ${response.statusText}`, response.ok, response.headers, text);
    } catch (error) {
      show("No answer", false, new Headers(), String(error));
    }
    part("took").textContent = `${Math.round(performance.now() - started)} ms`;
    send.disabled = false;
  }

  function show(status, good, headers, text) {
    answer.hidden = false;
    part("status").textContent = status;
    part("status").className = good ? "status good" : "status bad";
    const told = [...headers].filter(([name]) => name.startsWith("x-") || name === "retry-after");
    part("headers").replaceChildren(...told.flatMap(([name, value]) => {
      const [term, definition] = ["dt", "dd"].map((tag) => document.createElement(tag));
      term.textContent = name;
      definition.textContent = value;
      return [term, definition];
    }));
    part("result").textContent = pretty(text);
  }

  async function copy() {
    const button = part("copy");
    try {
      await navigator.clipboard.writeText(part("curl").textContent);
      button.textContent = "Copied";
    } catch {
      // Browsers allow the clipboard on secure pages only; a selection is there everywhere.
      getSelection().selectAllChildren(part("curl"));
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }

  dialect.addEventListener("change", reset);
  body.addEventListener("input", showCall);
  part("reset").addEventListener("click", reset);
  part("copy").addEventListener("click", copy);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  reset();
}

function inlined(indented) {
  // A list of plain values reads better on one line; strings never hold a raw line break.
  return indented.replace(/\[\n\s+([^[\]{}]*?)\n\s+\]/g,
    (_, values) => `[${values.replace(/,\n\s+/g, ", ")}]`);
}

function compact(text) {
  // Rewriting large integers through JavaScript would round them.
  try {
    const parsed = JSON.parse(text);
    return /\d{16}/.test(text) ? text : JSON.stringify(parsed);
  } catch {
    return text;
  }
}

function pretty(text) {
  if (/\d{16}/.test(text.replace(/\.\d+/g, ""))) {
    return text;
  }
  try {
    return inlined(JSON.stringify(JSON.parse(text), null, 2));
  } catch {
    return text;
  }
}

document.querySelectorAll("form").forEach(prepare);
