# SPDX-License-Identifier: Apache-2.0
"""The pool made from Debian's packages: text extraction and the fetch script, on a small package of its own."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import artifacts

POOL = os.path.join(artifacts.ROOT, "recipes", "pools", "debian-docs")
sys.path.insert(0, POOL)
sys.dont_write_bytecode = True

import extract  # noqa: E402


class ExtractTest(unittest.TestCase):
    def test_html_paragraphs_are_lines_and_pre_keeps_its_own(self):
        page = """<!DOCTYPE html><html><head><title>no</title></head><body><!-- <p>no --><script>if (a < b) "</p>"</script>
            <ul><li>first<li>second &amp; more</ul><p class="a>b">One <b>sentence</b>
            over lines.</p><pre>  code
                more</pre>after<td>x</td><td>y</td></body></html>"""
        self.assertEqual(extract.html_text(page), "first\nsecond & more\n\nOne sentence over lines.\n\n  code\n"
                         "                more\nafter x y\n")

    def test_pod(self):
        source = "=head1 NAME\n\nB<perl> - the I<C<quick>> E<lt>wayE<gt>\nhere\n\n  verbatim  text\n\n=over 4\n\n=item C<< a->b >>\n\n=cut\n"
        self.assertEqual(extract.pod_text(source),
                         "NAME\n\nperl - the quick <way> here\n\n  verbatim  text\n\na->b\n")

    def test_roff(self):
        source = '.\\" comment\n.TH LS 1\n.SH NAME\nls \\- list\n.B "all of"\nit\n.PP\n.BR ls (1)\n.nf\n  as is\n\\fBbold\\fP\n.fi\n'
        self.assertEqual(extract.roff_text(source), "LS 1\n\nNAME\nls - list all of it\nls(1)\n  as is\nbold\n")


@unittest.skipUnless(shutil.which("dpkg-deb") and shutil.which("zstd"), "needs dpkg-deb and zstd")
class FetchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        sys.path.insert(0, POOL)
        loader = importlib_load(os.path.join(POOL, "fetch"))
        cls.fetch = loader
        cls.debs = os.path.join(cls.folder, "debs")
        os.mkdir(cls.debs)
        for package in loader.POOL:
            paragraphs = "".join("<p>%s page %d says a thing.</p>" % (package, number) for number in range(50))
            cls.build(package, "usr/share/doc/%s/text/%%d.html" % package, paragraphs)
        for package in loader.HELDOUT:
            sections = "".join("<h2>%d</h2><p>%s</p>" % (number, (package + " prose. ") * 120) for number in range(6))
            cls.build(package, "usr/share/%s/ch0%%d.en.html" % package, sections)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def build(cls, package, pattern, body):
        root = os.path.join(cls.folder, package)
        os.makedirs(os.path.join(root, "DEBIAN"))
        with open(os.path.join(root, "DEBIAN", "control"), "w", encoding="utf-8") as file:
            file.write("Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: t <t@t>\nDescription: t\n" % package)
        for number in range(3):
            path = os.path.join(root, pattern % number)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write("<html><body>%d %s</body></html>" % (number, body))
        subprocess.run(["dpkg-deb", "-Znone", "--root-owner-group", "-b", root, cls.debs], check=True,
                       stdout=subprocess.DEVNULL)

    def make(self, name, *options):
        folder = os.path.join(self.folder, name)
        done = subprocess.run([sys.executable, os.path.join(POOL, "fetch"), folder, "--debs", self.debs, *options],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                              env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
        return done.returncode, done.stdout, folder

    def read(self, folder, path):
        text = subprocess.run(["zstd", "-dcq", os.path.join(folder, path)], stdout=subprocess.PIPE, check=True).stdout
        return [json.loads(line) for line in text.splitlines()]

    def test_a_second_run_has_nothing_to_do_and_another_folder_gets_the_same_bytes(self):
        status, log, folder = self.make("a")
        self.assertEqual(status, 0, log)
        before = os.stat(os.path.join(folder, "packages.json")).st_mtime_ns
        status, log, _ = self.make("a")
        self.assertEqual(status, 0)
        self.assertIn("already in", log)
        self.assertEqual(os.stat(os.path.join(folder, "packages.json")).st_mtime_ns, before)
        _, _, other = self.make("b")
        for part in ("shards", "heldout"):
            names = sorted(os.listdir(os.path.join(folder, part)))
            self.assertEqual(names, sorted(os.listdir(os.path.join(other, part))))
            self.assertTrue(names)
            for name in names:
                self.assertEqual(self.read(folder, part + "/" + name), self.read(other, part + "/" + name))

    def test_documents_have_a_domain_and_held_out_ones_are_sections(self):
        _, _, folder = self.make("a")
        found = self.read(folder, "shards/git-doc-00.jsonl.zst")
        self.assertEqual({document["domain"] for document in found}, {"git-doc"})
        self.assertEqual(len(found), 3)
        heldout = self.read(folder, "heldout/dev.jsonl.zst") + self.read(folder, "heldout/test.jsonl.zst")
        self.assertEqual({document["domain"] for document in heldout}, set(self.fetch.HELDOUT))
        self.assertGreater(len(heldout), 3 * 3)
        self.assertEqual(len({document["id"] for document in heldout}), len(heldout))

    def test_sampling_keeps_the_same_documents_when_it_keeps_more(self):
        ids = []
        for name, size in (("small", "0.006"), ("large", "0.02")):
            _, _, folder = self.make(name, "--mb", size)
            ids.append({document["id"] for shard in os.listdir(os.path.join(folder, "shards"))
                        for document in self.read(folder, "shards/" + shard)})
        self.assertLess(len(ids[0]), len(ids[1]))
        self.assertLessEqual(ids[0], ids[1])

    def test_a_missing_package_is_named(self):
        os.rename(os.path.join(self.debs, "git-doc_1_all.deb"), os.path.join(self.folder, "away"))
        self.addCleanup(os.rename, os.path.join(self.folder, "away"), os.path.join(self.debs, "git-doc_1_all.deb"))
        status, log, folder = self.make("c")
        self.assertEqual(status, 1)
        self.assertIn("'git-doc'", log)
        self.assertFalse(os.path.exists(os.path.join(folder, "packages.json")))


def importlib_load(path):
    """A module from a file without an extension."""
    import importlib.machinery
    import importlib.util
    loader = importlib.machinery.SourceFileLoader("fetch", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("fetch", loader))
    loader.exec_module(module)
    return module


if __name__ == "__main__":
    unittest.main()
