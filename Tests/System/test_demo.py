"""The demonstration is a test: every step of it must hold."""
import os
import subprocess
import unittest

from support import BIN, ROOT, free_ports


class DemoTests(unittest.TestCase):
    def test_every_step_of_the_demo_holds(self):
        result = subprocess.run(
            [ROOT / "Scripts/demo"], env=dict(os.environ, PORT_BASE=str(free_ports()), BIN=str(BIN)), capture_output=True, text=True, timeout=300)
        self.assertEqual(result.returncode, 0, result.stdout[-3000:] + result.stderr[-2000:])
        self.assertIn("every step held", result.stdout)


if __name__ == "__main__":
    unittest.main()
