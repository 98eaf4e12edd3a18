"""Files with which people go wrong at the command line."""

import bz2
import gzip
import lzma
from pathlib import Path

import catboost
import joblib
import lightgbm
import numpy as np
import onnx
import pandas as pd
import skops.io
import xgboost
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

GARBAGE = b"\x00\xff\x93garbage\x00" * 40
ROWS = 40


def plant():
    """Write good and bad files of every kind into the working directory."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(18, 90, ROWS), "visits": rng.normal(5, 2, ROWS)})
    churned = (frame["visits"] < 5).astype(int)
    _models(frame, churned)
    _tables(frame.assign(churned=churned))
    _settings()
    for folder in ("folder", "folder.skops", "folder.csv", "mlflow", "mlflow_broken"):
        Path(folder).mkdir()
    Path("mlflow/MLmodel").write_text("flavors: {pytorch: {}}\n")
    Path("mlflow_broken/MLmodel").write_text("{")


def _models(frame, churned):
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, churned)
    Path("m.skops").write_bytes(skops.io.dumps(fitted))
    wide = LogisticRegression().fit(frame.assign(more=1.0), churned)
    Path("wide.skops").write_bytes(skops.io.dumps(wide))
    unnamed = LogisticRegression().fit(frame.assign(more=1.0).to_numpy(), churned)
    Path("unnamed.skops").write_bytes(skops.io.dumps(unnamed))
    Path("list.skops").write_bytes(skops.io.dumps([1, 2]))
    joblib.dump(fitted, "m.pkl")
    joblib.dump(fitted, "m.joblib")
    boosted = xgboost.XGBClassifier(n_estimators=2).fit(frame, churned)
    boosted.save_model("m.ubj")
    boosted.save_model("m.json")
    light = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(frame, churned)
    light.booster_.save_model("m.txt")
    cats = catboost.CatBoostClassifier(iterations=2, verbose=0, allow_writing_files=False)
    cats.fit(frame, churned).save_model("m.cbm")
    tensor = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 2])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 2])
    graph = onnx.helper.make_graph([node], "g", [tensor], [result])
    onnx.save(onnx.helper.make_model(graph), "m.onnx")
    for kind in ("skops", "ubj", "json", "txt", "cbm", "onnx", "pkl", "joblib"):
        content = Path(f"m.{kind}").read_bytes()
        Path(f"empty.{kind}").write_bytes(b"")
        Path(f"garbage.{kind}").write_bytes(GARBAGE)
        for share in (3, 6, 9):
            Path(f"cut{share}.{kind}").write_bytes(content[: len(content) * share // 10])
    for other in ("m.docx", "sheet.xlsx"):
        Path(other).write_bytes(GARBAGE)


def _tables(table):
    table.to_csv("t.csv", index=False)
    table.to_parquet("t.parquet")
    table.to_feather("t.feather")
    for kind in ("csv", "tsv", "parquet", "feather", "csv.gz", "csv.zip", "csv.bz2", "csv.xz"):
        Path(f"empty.{kind}").write_bytes(b"")
        Path(f"garbage.{kind}").write_bytes(GARBAGE)
    text = Path("t.csv").read_text()
    for kind in ("parquet", "feather"):
        content = Path(f"t.{kind}").read_bytes()
        Path(f"cut.{kind}").write_bytes(content[: len(content) // 2])
    for kind, compressed in (("gz", gzip), ("bz2", bz2), ("xz", lzma)):
        Path(f"cut.csv.{kind}").write_bytes(compressed.compress(text.encode())[:60])
    Path("latin.csv").write_bytes("age,visits,churned\n1,2,jürgen\n".encode("latin-1"))
    Path("utf16.csv").write_bytes(text.encode("utf-16"))
    Path("twice.csv").write_text("age,age,churned\n1,2,0\n")
    Path("ragged.csv").write_text("age,visits,churned\n1,2,0\n1,2,3,4\n")
    Path("semicolons.csv").write_text(text.replace(",", ";"))
    Path("headless.csv").write_text(text.partition("\n")[2])
    Path("header.csv").write_text("age,visits,churned\n")
    Path("web.csv").write_text("<!DOCTYPE html>\n<html><body>404, not found</body></html>\n")
    Path("narrow.csv").write_text("age,churned\n1,0\n2,1\n")
    Path("zip.csv").write_text("age,visits,churned,zip\n1,2,0,00501\n")
    table.assign(churned=None).to_csv("unknown.csv", index=False)
    table.assign(age="old").to_csv("words.csv", index=False)
    table.assign(age=["old", *table["age"][1:]]).to_csv("word.csv", index=False)
    table.assign(visits=[np.inf, *table["visits"][1:]]).to_csv("infinite.csv", index=False)


def _settings():
    for name, content in {
        "bad.yaml": "a: [1, 2\nb: }",
        "bad.json": "{",
        "list.json": "[1]",
        "number.json": "3",
        "text.json": '"x"',
        "lines.jsonl": '{"age": 1}\n{"age"\n',
        "types.yaml": "age: [1]",
        "tag.yaml": "!!python/object/apply:os.system ['true']",
        "column.json": '{"aeg": {"minimum": 1}}',
        "no_mapping.json": '{"age": 3}',
        "key.json": '{"age": {"min": 3}}',
        "bound.json": '{"age": {"minimum": "low"}}',
        "bounds.json": '{"age": {"minimum": 100, "maximum": 1}}',
        "dtype.json": '{"age": {"dtype": "blob"}}',
        "categories.json": '{"age": {"categories": 5}}',
        "nullable.json": '{"age": {"nullable": "maybe"}}',
        "syntax.py": "def broken(:\n",
        "code.txt": "x",
        "number.yaml": "applications: 3",
        "list.yaml": "- a\n",
        "empty.yaml": "",
        "path.yaml": "applications:\n- name: x\n  import_path: 7\n",
    }.items():
        Path(name).write_text(content)
    Path("binary.yaml").write_bytes(b"\xff\xfe\x00")
    Path("corrupt").mkdir()
    Path("corrupt/cluster.json").write_text("{")
    Path("corrupt/serve-app.db").write_bytes(b"no database" * 100)
