"""Keeps the databases of a release, so that every later one must open them: `python3 Tests/System/release_fixture.py NAME`.

Run it for each release whose schema differs from the last fixture's; `test_upgrade` says when. The archive holds both
databases, the master key that opens the cases, the definitions of the forms, and the certificates of the officers; no
other key.
"""
import json
import pathlib
import sqlite3
import sys
import tarfile
import tempfile

from support import ROOT, Desk, System, inner, get, post, request_fields

LIMIT = {"budget": "5", "budget-unit": "wd"}
FOLDER = ROOT / "Tests/Fixtures/releases"


def versions(path):
    with sqlite3.connect(path) as db:
        return db.execute("select max(version) from schema_version").fetchone()[0]


def tables(path):
    """Every statement of a schema, however it was spaced."""
    with sqlite3.connect(path) as db:
        return {" ".join(row[0].split()) for row in db.execute("select sql from sqlite_master where sql is not null")}


def make(name):
    system = System()
    try:
        system.call("prepare")
        system.call("start")
        citizens = []
        for number in range(3):
            status, headers, _ = post(system.forms + "/forms/hotline", request_fields(system, number))
            assert status == 303, status
            page = get(system.forms + headers["Location"])[1]
            citizens.append({"receipt": inner(page, "receipt"), "code": inner(page, "code")})
        system.ferry()
        desk = Desk(system)
        cases = desk.cases("dispatcher")
        first, second = cases["测试诉求第 0 号"], cases["测试诉求第 1 号"]
        def done(officer, case, action, **fields):
            status, text = desk.act(officer, case, action, fields)
            assert status == 303, (action, status, text[-800:])
        for case in (first, second):
            done("dispatcher", case, "dispatch", lead="urban-management", **LIMIT)
            done("urban", case, "sign")
        done("urban", first, "answer", done="已修好", reply="已经修好。")
        done("reviewer", first, "approve")
        system.ferry()
        for citizen in citizens:
            page = post(system.forms + "/forms/status", citizen)[2]
            citizen["answered"] = "已经修好。" in page
            assert "没有找到" not in page
        system.call("stop")
        staging = pathlib.Path(tempfile.mkdtemp(prefix="xinmi-fixture."))
        for source, target in (("edge/forms.sqlite", "edge/forms.sqlite"), ("core/desk.sqlite", "core/desk.sqlite")):
            (staging / target).parent.mkdir(parents=True, exist_ok=True)
            with sqlite3.connect(system.folder / source) as db:
                db.execute("VACUUM INTO ?", (str(staging / target),))
        expected = {"citizens": citizens, "titles": sorted(cases), "open": second, "versions": {
            side: versions(staging / side / file) for side, file in (("edge", "forms.sqlite"), ("core", "desk.sqlite"))}}
        (staging / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n")
        FOLDER.mkdir(exist_ok=True)
        with tarfile.open(FOLDER / f"{name}.tar.gz", "w:gz") as archive:
            for path in sorted(staging.rglob("*")):
                if path.is_file():
                    archive.add(path, path.relative_to(staging))
            archive.add(system.folder / "core/master.key", "core/master.key")
            for path in sorted((system.folder / "edge/site/current/public.runtime/forms").glob("*.json")):
                archive.add(path, f"core/forms/{path.name}")
            for path in [system.folder / "keys/ca.crt", system.folder / "keys/ca.crl", *sorted((system.folder / "keys/staff").glob("*.crt"))]:
                archive.add(path, path.relative_to(system.folder))
        print(json.dumps(expected, ensure_ascii=False, indent=1))
    finally:
        system.close()


if __name__ == "__main__":
    make(sys.argv[1])
