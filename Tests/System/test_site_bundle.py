"""A site crosses the gap: released by two officers, applied by a user of its own, gone from the edge when it is withdrawn."""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import unittest

from support import BIN, NOW, ROOT, System, get


class SiteBundleTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = System()
        cls.addClassCleanup(cls.system.close)
        cls.system.call("prepare")
        cls.folder = cls.system.folder
        cls.keys = cls.folder / "keys"
        # A small tree in the place of the built one: what these tests change must be quick to cross.
        cls.output = cls.folder / "core/site"
        shutil.rmtree(cls.output)
        (cls.output / "public.runtime/forms").mkdir(parents=True)
        (cls.output / "public.runtime/current.json").write_text("{}")

    def build(self, files, intranet=(), variant="public", other=NOW):
        """A tree with its manifest, as sitegen writes them."""
        for name, contents in (("public", files), ("intranet", files if intranet == () else intranet)):
            shutil.rmtree(self.output / name, ignore_errors=True)
            (self.output / f"{name}.manifest.json").unlink(missing_ok=True)
            if contents is None:
                continue
            entries = {}
            for path, content in contents.items():
                target = self.output / name / path
                target.parent.mkdir(parents=True, exist_ok=True)
                data = content if isinstance(content, bytes) else content.encode()
                target.write_bytes(data)
                entries[path] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "site": "portal"}
            manifest = {"files": entries, "fmt": "xinmi-site/2", "now": NOW if name == "public" else other, "variant": variant if name == "public" else name}
            (self.output / f"{name}.manifest.json").write_text(json.dumps(manifest))

    def desk(self, *words):
        return subprocess.run([BIN / "coredesk", *words, "--config", self.folder / "core/coredesk.yaml"], capture_output=True, text=True, env=self.system.env)

    def release(self, *options, officers=("first", "second")):
        return self.desk("export", "--site", self.output / "public", "--release", *[self.keys / "release" / name for name in officers], *options)

    def forms(self, verb):
        return subprocess.run([BIN / "formsapi", verb, "--config", self.folder / "edge/formsapi.yaml"], capture_output=True, text=True, env=self.system.env)

    def apply(self, officers=("first", "second"), prefix=()):
        return subprocess.run(
            [*prefix, BIN / "ferry", "apply", "--drop", self.folder / "edge/site-drop", "--site", self.folder / "edge/site", "--authority", self.keys / "ca.crt",
             "--crl", self.keys / "ca.crl", "--now", NOW, "--officer", *[self.keys / "release" / f"{name}.crt" for name in officers]],
            capture_output=True, text=True, env=self.system.env)

    def cross(self):
        self.system.call("carry", "in")
        arrived = self.forms("ferry-in")
        self.assertEqual(arrived.returncode, 0, arrived.stdout + arrived.stderr)

    def back(self):
        """The edge's word reaches the core."""
        self.assertEqual(self.forms("ferry-out").returncode, 0)
        self.system.call("carry", "out")
        self.assertEqual(self.desk("import").returncode, 0)
        self.assertEqual(self.desk("export").returncode, 0)

    def served(self):
        root = self.folder / "edge/site/current/public"
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def publish(self, files, *options):
        self.build(files)
        released = self.release(*options)
        self.assertEqual(released.returncode, 0, released.stdout + released.stderr)
        self.cross()
        applied = self.apply()
        self.assertEqual(applied.returncode, 0, applied.stdout + applied.stderr)
        self.back()
        return released.stdout

    def test_1_changes_cross_and_a_withdrawn_page_is_gone(self):
        big = os.urandom(20_000_000)
        self.publish({"index.html": "one", "a/index.html": "page a", "film.mp4": big})
        self.assertEqual(self.served(), {"index.html": b"one", "a/index.html": b"page a", "film.mp4": big})
        # Only what changed crosses; the withdrawn page is not there any more, on no path of the edge.
        text = self.publish({"index.html": "two", "film.mp4": big, "copy.mp4": big})
        self.assertLess(int(text.split(" bytes to send")[0].split()[-1]), 100_000)
        self.assertEqual(self.served(), {"index.html": b"two", "film.mp4": big, "copy.mp4": big})
        found = subprocess.run(["grep", "-rl", "page a", self.folder / "edge/site"], capture_output=True, text=True).stdout
        self.assertEqual(found, "")
        # Anybody can check the tree with sha256sum.
        held = subprocess.run(["sha256sum", "-c", "--quiet", "tree.sha256"], cwd=self.folder / "edge/site/current", capture_output=True, text=True)
        self.assertEqual(held.returncode, 0, held.stdout)
        # The same tree again is no new release.
        self.assertIn("this very site already", self.release().stdout)

    def test_2_what_may_not_be_published_is_refused(self):
        def refusal():
            result = self.release()
            self.assertNotEqual(result.returncode, 0)
            return result.stdout + result.stderr

        self.build({"index.html": "x"}, variant="intranet")
        self.assertIn("not public", refusal())
        self.build({"index.html": "x"})
        (self.output / "public/index.html").write_text("y")
        self.assertIn("not as the manifest says", refusal())
        self.build({"index.html": "x"})
        (self.output / "public/extra.html").write_text("y")
        self.assertIn("not as the manifest says", refusal())
        self.build({"index.html": "x"})
        (self.output / "public/index.html").unlink()
        self.assertIn("not in the tree", refusal())
        self.build({"run.sh": "x"})
        self.assertIn("no file that may cross", refusal())
        self.build({"index.html": "x"})
        (self.output / "public/link.html").symlink_to("/etc/passwd")
        self.assertIn("neither a file nor a folder", refusal())
        # Bytes that only the intranet has, under another name.
        self.build({"index.html": "x", "notes.html": "inner words"}, intranet={"index.html": "x", "secret.html": "inner words"})
        self.assertIn("only the intranet may see", refusal())
        # Nobody compared anything.
        self.build({"index.html": "x", "notes.html": "inner words"}, intranet=None)
        self.assertIn("build all variants", refusal())
        self.build({"index.html": "x"}, other="2026-08-31T09:00:00+08:00")
        self.assertIn("of another build", refusal())
        self.build({"index.html": "x"})
        alone = self.release(officers=("first",))
        self.assertIn("signatures of 2 officers", alone.stderr)

    def test_3_the_edge_believes_officers_and_nobody_else(self):
        before = self.served()
        self.build({"index.html": "three"})
        self.assertIn("needs the signatures of 2 officers", self.release(officers=("first", "first")).stderr)
        self.assertEqual(self.release().returncode, 0)
        # Without a folder for it the site waits, and citizens' statuses in the same batch do not.
        config = self.folder / "edge/formsapi.yaml"
        whole = config.read_text()
        config.write_text("".join(line for line in whole.splitlines(True) if not line.startswith("site_drop:")))
        self.system.call("carry", "in")
        held = self.forms("ferry-in")
        self.assertEqual(held.returncode, 1)
        self.assertIn("the configuration has no site_drop", held.stdout)
        self.assertIn("committed", held.stdout)
        config.write_text(whole)
        self.assertEqual(self.forms("ferry-in").returncode, 0)
        strangers = self.apply(officers=("first",))
        self.assertEqual(strangers.returncode, 1)
        self.assertIn("refused", strangers.stdout)
        self.assertEqual(self.served(), before)
        # One officer who signed twice is one officer, on either side.
        drop = sorted((self.folder / "edge/site-drop").glob("*-00000-*"))[-1]
        second = (drop / "release-01.p7s").read_bytes()
        (drop / "release-01.p7s").write_bytes((drop / "release-00.p7s").read_bytes())
        self.assertIn("1 of 2 release officers", self.apply().stdout)
        (drop / "release-01.p7s").write_bytes(second)
        # Another listing than the one that was signed.
        listing = (drop / "tree.sha256").read_bytes()
        (drop / "tree.sha256").write_bytes(listing.replace(b"public/index.html", b"public/other.html"))
        self.assertIn("not the one that was signed", self.apply().stdout)
        (drop / "tree.sha256").write_bytes(listing)
        # Another file than the one that was listed.
        piece = next(path for path in (self.folder / "edge/site-drop").glob("*/b00000.bin") if path.read_bytes() == b"three")
        piece.write_bytes(b"thr33")
        self.assertIn("not as the listing says", self.apply().stdout)
        self.assertEqual(self.served(), before)
        piece.write_bytes(b"three")
        self.assertEqual(self.apply().returncode, 0)
        self.assertEqual(self.served(), {"index.html": b"three"})
        self.back()

    def test_4_an_edge_that_lost_its_tree_asks_for_all_of_it(self):
        self.publish({"index.html": "four", "kept.html": "kept"})
        shutil.rmtree(self.folder / "edge/site")
        self.build({"index.html": "five", "kept.html": "kept"})
        self.assertEqual(self.release().returncode, 0)
        self.cross()
        asked = self.apply()
        self.assertEqual(asked.returncode, 1)
        self.assertIn("asked for all of them", asked.stdout)
        self.back()
        again = self.release()
        self.assertIn("released build", again.stdout, again.stderr)
        self.cross()
        self.assertEqual(self.apply().returncode, 0)
        self.assertEqual(self.served(), {"index.html": b"five", "kept.html": b"kept"})
        self.back()

    def test_5_officers_sign_elsewhere_with_openssl(self):
        self.build({"index.html": "six"})
        record = self.folder / "bundle.json"
        # Whoever releases the site need not be able to read a key of cases.
        key = self.folder / "core/master.key"
        self.assertTrue(key.exists())
        key.rename(key.with_suffix(".away"))
        self.addCleanup(lambda: key.exists() or key.with_suffix(".away").rename(key))
        prepared = self.desk("release", "--site", self.output / "public", "--out", record)
        self.assertEqual(prepared.returncode, 0, prepared.stderr)
        signatures = []
        for name in ("first", "second"):
            signatures.append(self.folder / f"{name}.p7s")
            subprocess.run(
                ["openssl", "cms", "-sign", "-binary", "-outform", "DER", "-md", "sha256", "-in", record, "-out", signatures[-1],
                 "-signer", self.keys / f"release/{name}.crt", "-inkey", self.keys / f"release/{name}.key"], check=True, capture_output=True)
        export = lambda *names: self.desk("export", "--site", self.output / "public", "--without-sending", "--record", record, "--signature", *names)
        twice = export(signatures[0], signatures[0])
        self.assertIn("needs the signatures of 2 officers", twice.stderr)
        (self.folder / "other.p7s").write_bytes(signatures[1].read_bytes()[:-1] + b"x")
        self.assertNotEqual(export(signatures[0], self.folder / "other.p7s").returncode, 0)
        sent = export(*signatures)
        self.assertEqual(sent.returncode, 0, sent.stdout + sent.stderr)
        key.with_suffix(".away").rename(key)
        self.assertEqual(self.desk("export").returncode, 0)
        self.cross()
        self.assertEqual(self.apply().returncode, 0)
        self.assertEqual(self.served(), {"index.html": b"six"})
        self.back()

    def test_6_the_switch_survives_a_kill_at_every_step(self):
        """`current` leads to the old tree or to the new one, whole, wherever the process dies."""
        self.publish({"index.html": "old", "same.html": "same"})
        self.build({"index.html": "new", "same.html": "same"})
        self.assertEqual(self.release().returncode, 0)
        self.cross()
        library = self.folder / "faults.so"
        subprocess.run(["clang", "-shared", "-fPIC", "-O1", "-o", library, ROOT / "Tests/System/faults/faults.c", "-ldl"], check=True)
        backup = self.folder / "site-backup"
        shutil.copytree(self.folder / "edge/site", backup, symlinks=True)
        old, new = {"index.html": b"old", "same.html": b"same"}, {"index.html": b"new", "same.html": b"same"}
        point, seen = 1, set()
        while True:
            fault = ["env", f"LD_PRELOAD={library}", "FAULT_CALLS=srow", f"FAULT_AT={point}", "FAULT_HOW=kill"]
            done = self.apply(prefix=fault)
            tree = self.served()
            self.assertIn(tree, (old, new), f"kill {point}")
            seen.add(tree["index.html"])
            if done.returncode == 0:
                break
            self.assertEqual(done.returncode, -signal.SIGKILL)
            again = self.apply()
            self.assertEqual(again.returncode, 0, again.stdout + again.stderr)
            self.assertEqual(self.served(), new, f"after kill {point}")
            shutil.rmtree(self.folder / "edge/site")
            shutil.copytree(backup, self.folder / "edge/site", symlinks=True)
            point += 1
        self.assertGreater(point, 8)
        self.assertEqual(seen, {b"old", b"new"})


if __name__ == "__main__":
    unittest.main()
