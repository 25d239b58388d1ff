"""One word, one thing: a class bears its name alone, but for its mirror in the other face."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
OURS = ("shared", "loadtests", "wsgi_app", "asgi_app")
FACES = ("wsgi_app", "asgi_app")


def defined(tree: ast.Module) -> set[str]:
    """Classes of a module, and the aliases of types that are named as classes are."""
    names = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    assigned = [node.targets[0] for node in tree.body if isinstance(node, ast.Assign)]
    aliases = {target.id for target in assigned if isinstance(target, ast.Name) and not target.id.isupper()}
    return names | {name for name in aliases if name[0].isupper() and len(name) > 1}


def places(root: Path) -> dict[str, set[str]]:
    """Each name, and the files that define it; both faces' file of one name counts once."""
    found = defaultdict(set)
    for package in OURS:
        for path in sorted((root / package).rglob("*.py")):
            file = path.relative_to(root).as_posix()
            twin = file.replace(f"{package}/", "face/", 1) if package in FACES else file
            for name in defined(ast.parse(path.read_text(encoding="utf-8"))):
                found[name].add(twin)
    return found


def test_a_name_stands_for_one_thing() -> None:
    assert {name: files for name, files in places(ROOT).items() if len(files) > 1} == {}


def test_a_second_one_is_seen_and_a_mirrored_one_is_not(tmp_path: Path) -> None:
    for file, text in {
        "wsgi_app/a.py": "class Clients: ...\nHandler = int\n",
        "asgi_app/a.py": "class Clients: ...\nHandler = str\n",
        "asgi_app/b.py": "class Handler: ...\n",
        "shared/c.py": "class Answer: ...\n",
        "loadtests/model/d.py": "Answer = int\nLIMIT = 1\n",
        "loadtests/model/e.py": "LIMIT = 1\n",
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    twice = {name for name, files in places(tmp_path).items() if len(files) > 1}
    assert twice == {"Answer", "Handler"}
