"""Every input of the fuzzer's corpus once through its target, without the fuzzer: what once found something, and was
mended, stays mended."""

from pathlib import Path

import pytest

from tests.fuzz.targets import CORPUS, TARGETS, folders

INPUTS = [(target, path) for target in TARGETS for folder in folders(target) for path in sorted(folder.glob("*"))]


@pytest.mark.parametrize(("target", "path"), INPUTS, ids=[f"{target}-{path.name}" for target, path in INPUTS])
def test_no_input_of_the_corpus_does_what_must_not_happen(target: str, path: Path) -> None:
    TARGETS[target](path.read_bytes())


def test_every_target_has_inputs_and_every_folder_of_inputs_a_target() -> None:
    assert {target for target, _ in INPUTS} == set(TARGETS)
    assert {path.name for path in CORPUS.iterdir() if path.is_dir()} <= set(TARGETS)
