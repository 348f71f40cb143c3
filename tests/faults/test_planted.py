"""The planted bugs are kept in order; that each of them is caught is shown by `python -m tests.faults.planted`."""

from pathlib import Path

import pytest

from tests.faults.planted.patches import REPOSITORY, MisfitError, Planted, read, read_all
from tests.faults.planted.trial import copied, run_tests

PLANTED = read_all()
OTHERS = (
    "bug: A file that is not there is changed.\ntest: tests/unit/test_outage.py\n\n"
    "--- a/engine/nowhere.py\n+++ b/engine/nowhere.py\n@@ -1 +1 @@\n-one\n+two\n"
)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_patch_fits_the_source(planted: Planted) -> None:
    """It applies to the source as it is, changes nothing but the engine, and names tests that exist."""
    planted.apply(REPOSITORY, "--check")
    assert planted.targets
    assert all(target.startswith(("engine/", "adapters/")) for target in planted.targets)
    assert planted.bug.endswith(".")
    assert planted.tests
    for test in planted.tests:
        file, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}" in (REPOSITORY / file).read_text()


def test_a_patch_that_does_not_fit_says_so(tmp_path: Path) -> None:
    """Also where git would look at another repository around the tree."""
    (tmp_path / "x.patch").write_text(OTHERS)
    with pytest.raises(MisfitError, match="engine/nowhere.py"):
        read(tmp_path / "x.patch").apply(REPOSITORY / "engine", "--check")


def test_a_copy_is_what_runs_and_a_failure_is_told_from_an_error() -> None:
    """A test of the copy that fails is named; one that cannot be set up, does not end or is not there is not."""
    with copied() as tree:
        (tree / "engine" / "backoff.py").write_text("ENGINE = __file__\n")
        (tree / "tests" / "test_copy.py").write_text(
            "import pytest\n"
            "from engine.backoff import ENGINE\n"
            "@pytest.fixture\n"
            "def broken():\n    raise RuntimeError\n"
            f"def test_of_the_copy():\n    assert not ENGINE.startswith({str(tree)!r})\n"
            "def test_that_cannot_be_set_up(broken):\n    pass\n"
            "@pytest.mark.timeout(0.1)\n"
            "def test_that_does_not_end():\n    while True:\n        pass\n"
        )
        run = run_tests(tree, ["tests/test_copy.py"])
        assert (run.code, run.failed) == (1, ["test_of_the_copy"])
        for test, code in (("cannot_be_set_up", 1), ("does_not_end", 1), ("is_not_there", 4)):
            run = run_tests(tree, [f"tests/test_copy.py::test_that_{test}"])
            assert (run.code, run.failed) == (code, [])
