"""Takes rows of the reference's composed and inferred configurations (VISSL 0.1.5, Hydra 1.0.7).

usage: make.py FOLDER_WITH_THE_FULL_SET
Writes inference.json.gz: [{overrides, composed, inferred}], and simclr_8node_resnet.json: one composed tree.
"""
import gzip, json, pathlib, sys

source = pathlib.Path(sys.argv[1])
here = pathlib.Path(__file__).parent
rows = []
for name in ("cli_overrides", "overlays", "every_yaml_alone"):
    with gzip.open(source / f"{name}.jsonl.gz") as lines:
        rows += [row for row in map(json.loads, lines) if "inferred_config" in row]
wanted, seen = [], set()
for row in rows:
    config = row["inferred_config"]
    lr = config["OPTIMIZER"]["param_schedulers"].get("lr") or {}
    kind = (config["LOSS"].get("name"), (row["composed"]["config"]["OPTIMIZER"]["param_schedulers"].get("lr") or {}).get("name"),
            lr.get("name"), config["METERS"] and config["METERS"].get("name"))
    if kind in seen or not config.get("MACHINE"):
        continue
    seen.add(kind)
    wanted.append({"overrides": row["overrides"], "composed": row["composed"], "inferred": config})
with open(here / "inference.json.gz", "wb") as raw:
    with gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as out:
        out.write(json.dumps(wanted).encode())
simclr = next(row for row in rows if row["overrides"][0] == "config=pretrain/simclr/simclr_8node_resnet"
              and row["overrides"][1:] == ["hydra.verbose=true"])
(here / "simclr_8node_resnet.json").write_text(json.dumps(simclr["composed"], indent=1) + "\n")
print(len(wanted))
