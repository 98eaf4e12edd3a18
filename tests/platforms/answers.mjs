// What a graph answers under onnxruntime-web, in Node and in a browser alike.
const NUMBERS = { float: Float32Array, double: Float64Array };

function tensor(ort, type, values) {
  const shape = [values.length, 1];
  if (type === "string") return new ort.Tensor("string", values.map((one) => one ?? ""), shape);
  if (type === "int64") {
    return new ort.Tensor("int64", BigInt64Array.from(values.map(BigInt)), shape);
  }
  const numbers = NUMBERS[type].from(values.map((one) => one ?? NaN));
  return new ort.Tensor(type === "double" ? "float64" : "float32", numbers, shape);
}

export async function answers(ort, graph, columns, types) {
  const begun = performance.now();
  const session = await ort.InferenceSession.create(graph, { executionProviders: ["wasm"] });
  const feeds = {};
  for (const [name, values] of Object.entries(columns)) {
    feeds[name] = tensor(ort, types[name], values);
  }
  const made = await session.run(feeds);
  const passed_ms = performance.now() - begun;
  const plain = {};
  for (const [name, one] of Object.entries(made)) {
    const values = Array.from(one.data);
    plain[name] = values.map((value) => (typeof value === "bigint" ? Number(value) : value));
  }
  return { ...plain, passed_ms };
}
