"""What Hydra makes of override lines and of a small tree of configurations.

Python 3.8, hydra-core 1.0.7, omegaconf 2.0.6:  python make_hydra.py > hydra.json

`parsed`: each line through the real parser: mode, key, package and value, or that it is an error.
`composed`: each list of overrides composed on `files`: the whole tree, or that it is an error.
"""
import json
import os
import sys
import tempfile
import warnings

warnings.simplefilter("ignore")

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental import compose, initialize_config_dir
from omegaconf import OmegaConf

VALUES = r"""

null
NULL
Null
nulls
true
True
TRUE
tRuE
false
FALSE
yes
no
on
off
none
None
0
00
010
0x10
12
-3
+3
- 3
--3
1_000
1__000
_1
1_
100000000000000000000
1.5
-1.5
+1.5
.5
-.5
3.
.
..
1.2.3
1e-4
1e5
1E5
1e+5
1.e5
.5e-2
1e
e1
1e5.5
1_0.5
1_0e1_0
inf
-inf
+inf
INF
nan
NaN
-nan
infinity
nano
abc
a_b
_a
a1
1a
1 2
two words
three  words  here
a	b
  padded  
/a/b/c
/a/b-c.torch
./rel/path
../up
~/home
C:\data
C:\\data
a\b
\
http://x.y/z
https://dl.fbaipublicfiles.com/vissl/a.torch
http://x.y/z?a
a.b.c
a:b
a : b
:
::
12:30
a@b
50%
*
**/*.jpg
$HOME
$
$$
a+b
a-b
a/b
a=b
=
==
a,b
1,2,3
,
a,
[a],[b]
a;b
a|b
a&b
a!b
a?b
a<b
a#b
#
a^b
`a`
größe
日本
'größe'
"日本"
''
""
'a'
"a"
'12'
"null"
'a b'
'a, b'
"a=b, c"
'it\'s'
"it's"
'say "x"'
"say \"x\""
'back\slash'
'back\\slash'
'tab	tab'
'a' 
 'a'
'a'b
a'b'
'open
"open
a'
'a''b'
\,
a\,b
a\=b
a\ b
\ a\ 
a\:b
\[a\]
\{a\}
\(a\)
a\\b
\n
\'
${a}
${a.b}
${env:HOME}
${env:HOME,default}
pre_${a.b}_post
${a}${b}
${}
${
${a
}
${a b}
[]
[ ]
[a]
[1,2]
[ 1 , 2 ]
[a,b,[c,1]]
[[],[[]]]
[a b, c]
['a','b']
["a, b",c]
[null,true,1.5,-2]
['1',1]
[/a/b,/c]
[a:b]
[a=b]
[,]
[a,]
[,a]
[a
a]
[a]]
[[a]
[a]b
[ a ] 
[${a},x]
[a\,b]
[{a:1},{b:2}]
[[mlp,{dims:[128,64],use_relu:true}],[mlp,{dims:[64]}]]
{}
{ }
{a:1}
{a: 1}
{ a : 1 , b : 2 }
{a:1,b:[1,2],c:{d:x}}
{a:b:c}
{a:'x, y'}
{a:}
{:1}
{a}
{a:1,}
{a:1
a:1}
{a:1}b
{'a':1}
{"a":1}
{a.b:1}
{a-b:1}
{1:a}
{true:1}
{null:1}
{nan:1}
{1e5:1}
{a:1,a:2}
{a:{b:{c:{d:1}}}}
{a:${b}}
{name:RandomResizedCrop,size:224}
int(3)
int(3.7)
int(-3.7)
int('12')
int(abc)
int('1.5')
int(true)
int(null)
int([1.5,'2'])
int({a:1.5})
float(3)
float('1e5')
float(inf)
float(abc)
str(1)
str(1.0)
str(1e5)
str(1e-7)
str(1e20)
str(true)
str(null)
str([1,2.5])
str(abc)
bool(1)
bool(0)
bool(True)
bool('true')
bool(yes)
bool(0.0)
int(value=5)
int()
int(1)x
int (1)
str( 1 )
foo(1)
range(1,3)
range(1,10,2)
choice(a,b)
interval(0,1)
glob(*)
tag(t,choice(a,b))
(a)
a(b
a)
""".strip("\n").split("\n")

LINES = [
    "key",
    "",
    "=",
    "=1",
    " key=1",
    "key =1",
    "key= 1",
    "key=1 ",
    "a.b.c=1",
    "a..b=1",
    ".a=1",
    "a.=1",
    "a.0=1",
    "a.0.b=1",
    "a.10.b=1",
    "a.00=1",
    "a.01=1",
    "a.-1=1",
    "0=1",
    "0.a=1",
    "a[0]=1",
    "a[0].b=1",
    "a-b=1",
    "a b=1",
    "a_b=1",
    "a:b=1",
    "größe=1",
    "'a'=1",
    "A.B_C.d1=1",
    "a/b=1",
    "a/b/c=1",
    "a/=1",
    "/a=1",
    "a//b=1",
    "a/0=1",
    "a/b.c=1",
    "a.b/c=1",
    "a@b=1",
    "a@b.c=1",
    "a/b@c=1",
    "a/b@c.d=1",
    "a@=1",
    "@a=1",
    "a@b@c=1",
    "a@b/c=1",
    "a@b:c=1",
    "a@:c=1",
    "+a=1",
    "+a.b=1",
    "+a/b=1",
    "+a/b@c=1",
    "+a@b=1",
    "+a=",
    "+a",
    "+",
    "+ a=1",
    "++a=1",
    "++a.b=",
    "+++a=1",
    "~a",
    "~a.b",
    "~a/b",
    "~a/b@c",
    "~a/b=c",
    "~a=",
    "~a=1",
    "~a=null",
    "~",
    "~~a",
    "~+a=1",
    "+~a",
    "-a=1",
    "--a=1",
    "--help",
    "-m",
    "a=1\n",
    "a=\n",
    "a='1\n2'",
    "a==1",
    "a=b=c",
    "a={b:1}",
    "a=" + "[" * 40 + "]" * 40,
    "a=" + "[" * 40,
]

FILES = {
    "defaults.yaml": """defaults:
  - config: ???
VERSION: 1
node_id: 0
engine_name: train
config:
  SEED_VALUE: 0
  LOG_FREQUENCY: 10
  TEST_MODEL: true
  CHECKPOINT: {DIR: "."}
  MACHINE: {DEVICE: gpu}
  DATA:
    TRAIN:
      DATA_PATHS: []
      TRANSFORMS: []
      COLLATE_FUNCTION_PARAMS: {}
  METERS:
    accuracy_list_meter: {num_meters: 1, topk_values: [1]}
  LOSS:
    name: CrossEntropyLoss
    CrossEntropyLoss: {ignore_index: -1}
    cross_entropy_multiple_output_single_target: {weight: null}
  OPTIMIZER:
    name: sgd
    momentum: 0.9
    larc_config: {clip: false, eps: 1.0e-08, trust_coefficient: 0.001}
    param_schedulers:
      lr: {name: multistep, values: [0.1, 0.01, 0.001], milestones: [30, 60]}
  MODEL:
    HEAD: {PARAMS: []}
    TRUNK:
      TRUNK_PARAMS: {RESNETS: {DEPTH: 50}, EFFICIENT_NETS: {}}
""",
    "config/base.yaml": """# @package _global_
config:
  SEED_VALUE: 7
  DATA:
    TRAIN:
      DATA_PATHS: [/a, /b]
      TRANSFORMS:
        - name: ImgReplicatePil
          num_times: 2
        - name: ToTensor
  LOSS:
    mse_loss: {reduction: mean}
  MODEL:
    HEAD:
      PARAMS: [["mlp", {"dims": [8, 8]}], ["mlp", {"dims": [8, 2]}]]
""",
    "config/headless.yaml": "config:\n  SEED_VALUE: 8\n",
    "config/late.yaml": "# a comment first\n# @package foo\nconfig:\n  SEED_VALUE: 9\n",
    "config/blank.yaml": "\n\n#   @package   foo.bar\nx: 1\n",
    "config/group.yaml": "# @package _group_\nx: 1\n",
    "config/name.yaml": "# @package _group_._name_\nx: 1\n",
    "config/broken.yaml": "# @package a b\nx: 1\n",
    "config/empty.yaml": "",
    "config/only_comment.yaml": "# @package _global_\n",
    "config/listed.yaml": "- a\n- b\n",
    "config/doubled.yaml": "config:\n  SEED_VALUE: 1\n  SEED_VALUE: 2\n",
    "config/bad.yaml": "config: [1, 2\n",
    "config/nested.yaml": "# @package _global_\ndefaults:\n  - over: a\nconfig:\n  SEED_VALUE: 11\n",
    "config/nulls.yaml": "# @package _global_\nconfig:\n  MACHINE:\n  LOSS: null\n",
    "config/typed.yaml": "# @package _global_\nconfig:\n  a: yes\n  b: 010\n  c: 1e5\n  d: 12:30\n  e: 1_000\n  f: 3.\n  g: .inf\n  h: ~\n  i: off\n  j: 2021-03-01\n  k: 0x10\n  l: 0o10\n  m: '010'\n  n: +5\n  o: n\n  p: 1.0\n  q: 1e-5\n  r: .5\n  s: -.inf\n  t: 09\n",
    "config/kinds.yaml": "# @package _global_\nconfig:\n  OPTIMIZER: text\n  SEED_VALUE: {a: 1}\n  DATA: {TRAIN: {TRANSFORMS: {name: x}, DATA_PATHS: /x}}\n  METERS: [1, 2]\n",
    "config/dollar.yaml": "# @package _global_\nconfig:\n  CHECKPOINT: {DIR: \"${config.SEED_VALUE}\"}\n",
    "config/ext.yml": "# @package _global_\nconfig:\n  SEED_VALUE: 12\n",
    "config/dotted.name.yaml": "# @package _global_\nconfig:\n  SEED_VALUE: 13\n",
    "config/anchors.yaml": "# @package _global_\nconfig:\n  LOSS:\n    one: &one {a: 1, b: [1]}\n    two: *one\n    three:\n      <<: *one\n      a: 2\n",
    "config/over/a.yaml": "# @package _global_\nconfig:\n  SEED_VALUE: 21\n  OPTIMIZER: {larc_config: {clip: true}}\n  NEW_A: 1\n",
    "config/over/b.yaml": "# @package _global_\nconfig:\n  SEED_VALUE: 22\n  OPTIMIZER: {param_schedulers: {lr: {values: [1.0]}}}\n  NEW_B: 1\n",
    "config/over/plain.yaml": "x: 1\ny: {z: [1, 2]}\n",
    "config/over/grouped.yaml": "# @package _group_\nx: 1\n",
    "config/over/sub/c.yaml": "# @package _group_\nx: 2\n",
    "config/over/12.yaml": "# @package _global_\nconfig:\n  SEED_VALUE: 23\n",
}

B = "config=base"
COMPOSE = [
    [],
    [B],
    ["config=headless"],
    ["config=late"],
    ["config=blank"],
    ["config=group"],
    ["config=name"],
    ["config=broken"],
    ["config=empty"],
    ["config=only_comment"],
    ["config=listed"],
    ["config=doubled"],
    ["config=bad"],
    ["config=nested"],
    ["config=nulls"],
    ["config=typed"],
    ["config=kinds"],
    ["config=dollar"],
    ["config=ext.yml"],
    ["config=dotted.name"],
    ["config=anchors"],
    ["config=base.yaml"],
    ["config=over/a"],
    ["config=over/sub/c"],
    ["config=over"],
    ["config=nope"],
    ["config="],
    ["config=[base]"],
    [B, "config={SEED_VALUE:3}"],
    ["config={SEED_VALUE:3}"],
    ["config='base'"],
    ["config=null"],
    ["+config=base"],
    [B, "+config=headless"],
    [B, "config=headless"],
    ["config=headless", "config=empty", B],
    ["~config=nope", B],
    [B, "+config/over=a"],
    [B, "+config/over=a.yaml"],
    [B, "+config/over=b"],
    [B, "+config/over=a", "+config/over=b"],
    [B, "+config/over=b", "+config/over=a"],
    [B, "+config/over=a", "+config/over=a"],
    [B, "+config/over=a", "config/over=b"],
    [B, "+config/over=a", "~config/over"],
    [B, "+config/over=a", "~config/over=a"],
    [B, "~config/over"],
    [B, "config/over=a"],
    ["+config/over=a", B],
    ["config.SEED_VALUE=5", "+config/over=a", B],
    [B, "+config/over=12"],
    [B, "+config/over=[a]"],
    [B, "+config/over={a:1}"],
    [B, "+config/over=null"],
    [B, "+config/over="],
    [B, "+config/over=nope"],
    [B, "+config/over=sub/c"],
    [B, "+config/over/sub=c"],
    [B, "+config/over=plain"],
    [B, "+config/over=grouped"],
    [B, "+config/over@foo=plain"],
    [B, "+config/over@foo.bar=plain"],
    [B, "+config/over@_global_=plain"],
    [B, "+config/over@_group_=plain"],
    [B, "+config/over@foo=grouped"],
    [B, "+config/over@foo=a"],
    [B, "+config/over@foo=plain", "+config/over@bar=plain"],
    [B, "config/over@foo=plain"],
    [B, "config@foo=headless"],
    [B, "+config@foo=headless"],
    [B, "+config/nothing=a"],
    [B, "+config/nothing=[a,b]"],
    [B, "config/nothing=a"],
    [B, "~config/nothing"],
    [B, "+config/nothing@foo=a"],
    [B, "+config.SEED_VALUE@foo=1"],
    [B, "config.SEED_VALUE=5"],
    [B, "config.SEED_VALUE=5", "config.SEED_VALUE=6"],
    [B, "config.SEED_VALUE=null"],
    [B, "config.SEED_VALUE="],
    [B, "config.SEED_VALUE=[1,2]"],
    [B, "config.SEED_VALUE=yes"],
    [B, "config.SEED_VALUE=010"],
    [B, "config.SEED_VALU=5"],
    [B, "config.NEW=5"],
    [B, "+config.NEW=5"],
    [B, "+config.NEW={a:1,b:[1,{c:2}]}"],
    [B, "+config.NEW.DEEP.ER=5"],
    [B, "+config.NEW.A=5", "config.NEW.A=6"],
    [B, "+config.NEW.A=5", "config.NEW.B=6"],
    [B, "NEW=1"],
    [B, "+NEW=1"],
    [B, "+NEW.a=1"],
    [B, "node_id=3"],
    [B, "engine_name=extract_features"],
    [B, "VERSION=2"],
    [B, "+config.SEED_VALUE=5"],
    [B, "+config.SEED_VALUE=[5]"],
    [B, "+config.SEED_VALUE={a:5}"],
    [B, "+config.SEED_VALUE=null"],
    [B, "config.SEED_VALUE.x=1"],
    [B, "+config.SEED_VALUE.x=1"],
    [B, "+config.LOSS.cross_entropy_multiple_output_single_target.weight=1"],
    [B, "+config.LOSS.cross_entropy_multiple_output_single_target.weight=[1,2]"],
    [B, "config.LOSS.cross_entropy_multiple_output_single_target.weight=[1,2]"],
    [B, "config.LOSS.cross_entropy_multiple_output_single_target.weight.x=1"],
    [B, "+config.LOSS.cross_entropy_multiple_output_single_target.weight.x=1"],
    [B, "config.LOSS.mse_loss.reduction=sum"],
    [B, "config.LOSS.mse_loss.other=sum"],
    [B, "+config.LOSS.mse_loss.other=sum"],
    [B, "config.OPTIMIZER.larc_config={clip:true}"],
    [B, "+config.OPTIMIZER.larc_config={clip:true}"],
    [B, "config.OPTIMIZER.larc_config={clip:true,nope:1}"],
    [B, "+config.OPTIMIZER.larc_config={nope:1}"],
    [B, "config.OPTIMIZER.larc_config=null"],
    [B, "config.OPTIMIZER.larc_config=5"],
    [B, "config.OPTIMIZER.larc_config=5", "config.OPTIMIZER.larc_config.clip=true"],
    [B, "config.OPTIMIZER.larc_config=[1]"],
    [B, "config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS={DEPTH:18}"],
    [B, "config.MODEL.TRUNK.TRUNK_PARAMS.EFFICIENT_NETS={model_name:b0}"],
    [B, "config.MODEL.TRUNK.TRUNK_PARAMS.EFFICIENT_NETS.model_name=b0"],
    [B, "+config.MODEL.TRUNK.TRUNK_PARAMS.EFFICIENT_NETS.model_name=b0"],
    [B, "+config.MODEL.TRUNK.TRUNK_PARAMS.EFFICIENT_NETS={model_name:b0}"],
    [B, "config.MODEL.TRUNK.TRUNK_PARAMS.EFFICIENT_NETS={}"],
    [B, "config.DATA.TRAIN.DATA_PATHS=[/c]"],
    [B, "+config.DATA.TRAIN.DATA_PATHS=[/c]"],
    [B, "config.DATA.TRAIN.DATA_PATHS=[]"],
    [B, "config.DATA.TRAIN.DATA_PATHS=null"],
    [B, "config.DATA.TRAIN.DATA_PATHS={a:1}"],
    [B, "config.DATA.TRAIN.DATA_PATHS=/c"],
    [B, "config.DATA.TRAIN.DATA_PATHS.0=/c"],
    [B, "config.DATA.TRAIN.DATA_PATHS.1=/c"],
    [B, "config.DATA.TRAIN.DATA_PATHS.2=/c"],
    [B, "+config.DATA.TRAIN.DATA_PATHS.2=/c"],
    [B, "+config.DATA.TRAIN.DATA_PATHS.0=/c"],
    [B, "config.DATA.TRAIN.DATA_PATHS.x=/c"],
    [B, "config.DATA.TRAIN.TRANSFORMS.0.name=x"],
    [B, "config.DATA.TRAIN.TRANSFORMS.0.nope=x"],
    [B, "+config.DATA.TRAIN.TRANSFORMS.0.nope=x"],
    [B, "config.DATA.TRAIN.TRANSFORMS.5.name=x"],
    [B, "config.DATA.TRAIN.TRANSFORMS.0={name:y}"],
    [B, "config.DATA.TRAIN.TRANSFORMS.0={name:y,p:1}"],
    [B, "config.DATA.TRAIN.TRANSFORMS=[{name:y,p:1}]"],
    [B, "config.MODEL.HEAD.PARAMS.0.1.dims=[4,4]"],
    [B, "config.MODEL.HEAD.PARAMS.0.1.dims.0=4"],
    [B, "config.MODEL.HEAD.PARAMS=[]"],
    [B, "config.MODEL.HEAD.PARAMS=[[mlp,{dims:[1,2]}]]"],
    [B, "~config.SEED_VALUE"],
    [B, "~config.SEED_VALUE=7"],
    [B, "~config.SEED_VALUE=8"],
    [B, "~config.SEED_VALUE=null"],
    [B, "~config.NOPE"],
    [B, "~config.NOPE.X"],
    [B, "~config.SEED_VALUE.X"],
    [B, "~config.LOSS"],
    [B, "~config.LOSS.mse_loss={reduction:mean}"],
    [B, "~config.LOSS.mse_loss={reduction:sum}"],
    [B, "~config.LOSS", "+config.LOSS.name=x"],
    [B, "~config.LOSS", "config.LOSS.name=x"],
    [B, "~config.LOSS.cross_entropy_multiple_output_single_target.weight"],
    [B, "~config.DATA.TRAIN.DATA_PATHS.0"],
    [B, "~config.DATA.TRAIN.DATA_PATHS=[/a,/b]"],
    [B, "~config.DATA.TRAIN.TRANSFORMS.0.name"],
    [B, "~config.SEED_VALUE", "config.SEED_VALUE=1"],
    [B, "~config.SEED_VALUE", "+config.SEED_VALUE=1"],
    [B, "config.CHECKPOINT.DIR=${config.SEED_VALUE}"],
    [B, "config.CHECKPOINT.DIR=${env:HOME}"],
    [B, "config.CHECKPOINT.DIR=/x/${nope}/y"],
    [B, "hydra.verbose=true"],
    [B, "config.SEED_VALUE=1,2"],
    [B, "config.SEED_VALUE=range(1,3)"],
    [B, "config.SEED_VALUE"],
    [B, "config.SEED_VALUE=int(3.5)"],
    [B, "config.SEED_VALUE=1", "config.SEED_VALUE=nope nope", "config.NOPE=1"],
]


def value_of(value):
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return {"__float__": str(value)}
    if isinstance(value, list):
        return [value_of(item) for item in value]
    if isinstance(value, dict):
        return {str(key): value_of(item) for key, item in value.items()}
    return value


def parse(line):
    try:
        override = OverridesParser.create().parse_overrides([line])[0]
    except Exception:
        return {"line": line, "error": True}
    if override.is_sweep_override() or override.pkg2 is not None:
        return {"line": line, "error": True}
    mode = {"CHANGE": "set", "ADD": "add", "DEL": "delete"}[override.type.name]
    row = {"line": line, "mode": mode, "key": override.key_or_group}
    if override.pkg1 is not None:
        row["package"] = override.pkg1
    if override.value_type is not None:
        row["value"] = value_of(override.value())
    return row


def compose_on_files(overrides, folder):
    try:
        with initialize_config_dir(config_dir=folder):
            tree = compose("defaults", overrides=overrides)
        return {"overrides": overrides, "tree": value_of(OmegaConf.to_container(tree, resolve=False))}
    except Exception:
        return {"overrides": overrides, "error": True}


def main():
    lines = ["key=" + value for value in VALUES] + LINES
    with tempfile.TemporaryDirectory() as folder:
        for path, text in FILES.items():
            full = os.path.join(folder, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w") as file:
                file.write(text)
        result = {
            "parsed": [parse(line) for line in lines],
            "files": {path: text for path, text in FILES.items() if path != "defaults.yaml"},
            "composed": [compose_on_files(overrides, folder) for overrides in COMPOSE],
        }
    rows = lambda items: "[\n" + ",\n".join("    " + json.dumps(item, ensure_ascii=False) for item in items) + "\n  ]"
    sys.stdout.write(
        '{\n  "parsed": %s,\n  "files": %s,\n  "composed": %s\n}\n'
        % (rows(result["parsed"]), json.dumps(result["files"], ensure_ascii=False), rows(result["composed"]))
    )


main()
