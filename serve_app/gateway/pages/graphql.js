"use strict";

const byId = (id) => document.getElementById(id);
const LISTED = "{\n  endpoints {\n    name\n    graphqlName\n  }\n}\n";
const COLUMNS = "{ endpoints { name graphqlName columns { name graphqlName } } }";

async function send(query) {
  return fetch("/graphql", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify({ query }),
  });
}

function offer(label, query) {
  const option = document.createElement("option");
  option.textContent = label;
  option.value = query;
  byId("example").append(option);
}

function literal(row, columns) {
  // Values of rows are plain, and JSON's plain values are GraphQL's too; names have no quotes.
  const cells = columns
    .filter((column) => column.name in row)
    .map((column) => `${column.graphqlName}: ${JSON.stringify(row[column.name])}`);
  return `{${cells.join(", ")}}`;
}

async function prepare() {
  try {
    const answers = await Promise.all([send(COLUMNS), fetch("/openapi.json")]);
    const [known, described] = await Promise.all(answers.map((answer) => answer.json()));
    for (const { name, graphqlName, columns } of known.data.endpoints) {
      const asked = described.paths[`/v1/models/${name}:predict`].post.requestBody;
      const { instances } = asked.content["application/json"].example;
      const rows = instances.map((row) => literal(row, columns)).join(", ");
      offer(name, `{\n  predict {\n    ${graphqlName}(rows: [${rows}]) {\n` +
        "      predictions\n      variants\n    }\n  }\n}\n");
    }
  } finally {
    offer("which endpoints there are", LISTED);
    byId("query").value = byId("example").value;
  }
}

async function run() {
  const button = document.querySelector("button.send");
  button.disabled = true;
  const started = performance.now();
  try {
    const response = await send(byId("query").value);
    const answer = await response.json();
    const good = response.ok && !answer.errors;
    show(good ? `${response.status} OK` : "Errors", good, JSON.stringify(answer, null, 2));
  } catch (error) {
    show("No answer", false, String(error));
  }
  byId("took").textContent = `${Math.round(performance.now() - started)} ms`;
  button.disabled = false;
}

function show(status, good, text) {
  byId("status").textContent = status;
  byId("status").className = good ? "status good" : "status bad";
  byId("result").textContent = text;
  byId("result").hidden = false;
}

byId("example").addEventListener("change", () => { byId("query").value = byId("example").value; });
byId("query").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run();
  }
});
document.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
prepare();
