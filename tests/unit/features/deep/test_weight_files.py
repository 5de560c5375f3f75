"""One file of weights: what is taken, what is refused, and that nothing in it is ever executed."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import pytest
import torch

from tests.unit.features.deep.weights_factory import SMALL, state_of, write
from tumor_response.exceptions import WeightsError
from tumor_response.features.deep.weights import load_weights, read_weights, state_sha256
from tumor_response.features.deep.weights.files import tensors_of


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return state_of()


def refused(path: Path, backbone: str = SMALL) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        read_weights(backbone, path)
    return caught.value


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth", "w.pt", "w.bin"])
def test_every_format_gives_the_same_tensors(name: str, tmp_path: Path, state: dict) -> None:
    loaded = load_weights(SMALL, write(state, tmp_path / name), state)
    assert loaded.sha256 == state_sha256(state)
    assert loaded.notes == ()
    assert (loaded.source, loaded.licence) == (name, "not stated")
    assert all(torch.equal(loaded.state[n], t) for n, t in state.items())


@pytest.mark.parametrize(
    ("wrap", "notes"),
    [
        (lambda s: {"state_dict": s, "epoch": 3}, ["'state_dict'"]),
        (lambda s: {"model": s, "optimizer": {"state": {}, "lr": 0.1}}, ["'model'"]),
        (lambda s: {f"module.{n}": t for n, t in s.items()}, ["'module.'"]),
        (
            lambda s: {"state_dict": {f"model._orig_mod.{n}": t for n, t in s.items()}},
            ["'state_dict'", "'model.'", "'_orig_mod.'"],
        ),
    ],
)
def test_wrappers_come_off_and_are_named(wrap, notes, tmp_path: Path, state: dict) -> None:
    loaded = read_weights(SMALL, write(wrap(state), tmp_path / "w.pth"))
    assert loaded.sha256 == state_sha256(state)
    assert len(loaded.notes) == len(notes)
    for note, part in zip(loaded.notes, notes, strict=True):
        assert part in note
        assert note in loaded.description()
    assert loaded.identity()["weights_notes"] == list(loaded.notes)


def test_a_prefix_of_some_names_is_no_wrapper(tmp_path: Path, state: dict) -> None:
    first = next(iter(state))
    mixed = {(f"module.{n}" if n == first else n): t for n, t in state.items()}
    with pytest.raises(WeightsError) as caught:
        load_weights(SMALL, write(mixed, tmp_path / "w.pth"), state)
    assert caught.value.code == "weights_mismatch"


def test_a_checkpoint_of_two_networks_is_not_guessed_at(tmp_path: Path, state: dict) -> None:
    both = {"state_dict": state, "state_dict_ema": state}
    error = refused(write(both, tmp_path / "w.pth"))
    assert error.code == "weights_unreadable"
    assert "state_dict, state_dict_ema" in str(error)
    alone = refused(write({"generator": state}, tmp_path / "w2.pth"))
    assert "dictionaries of tensors here: generator" in str(alone)


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self):
        return Path.touch, (self.witness,)


def test_a_pickle_bomb_never_goes_off(tmp_path: Path, state: dict, monkeypatch) -> None:
    # the environment may not weaken what we asked for
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    witness = tmp_path / "executed"
    torch.save({"state_dict": state, "args": Bomb(witness)}, tmp_path / "zip.pth")
    torch.save(Bomb(witness), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    for protocol in (0, 2, 4):
        (tmp_path / f"{protocol}.bin").write_bytes(pickle.dumps(Bomb(witness), protocol=protocol))
    (tmp_path / "x.safetensors").write_bytes(pickle.dumps(Bomb(witness)))
    for path in sorted(tmp_path.iterdir()):
        error = refused(path)
        assert error.code == "weights_unreadable", path
    assert not witness.exists()
    pickle.loads((tmp_path / "2.bin").read_bytes())
    assert witness.exists(), "the bomb itself does not work"


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.9999])
def test_a_truncated_file_is_refused(name: str, share: float, tmp_path: Path, state: dict) -> None:
    path = write(state, tmp_path / name)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert refused(path).code == "weights_unreadable"


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_damaged_files_are_refused_or_told_apart(name: str, tmp_path: Path) -> None:
    """Bytes changed at random: an error of ours, or other tensors with another hash."""
    state = {"a": torch.arange(12.0), "b": torch.ones(3, 4)}
    path = write(state, tmp_path / name)
    whole = path.read_bytes()
    draw = random.Random(0)
    codes = set()
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(draw.choice((1, 3))):
            damaged[draw.randrange(len(whole))] = draw.randrange(256)
        path.write_bytes(damaged)
        try:
            found, _ = tensors_of(path)
        except WeightsError as error:
            codes.add(error.code)
            continue
        same = found.keys() == state.keys() and all(torch.equal(found[n], state[n]) for n in state)
        assert same or state_sha256(found) != state_sha256(state)
    assert codes <= {"weights_unreadable", "weights_not_finite"}


def test_a_pointer_in_place_of_the_file_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 102445\n"
    )
    error = refused(path)
    assert error.code == "weights_unreadable"
    assert "git lfs pull" in str(error)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_tensors_that_are_no_numbers_are_refused(value: float, tmp_path: Path, state: dict) -> None:
    name = next(n for n, t in state.items() if t.ndim == 4)
    broken = {n: t.clone() for n, t in state.items()}
    broken[name][0, 0, 0, 0] = value
    error = refused(write(broken, tmp_path / "w.safetensors"))
    assert error.code == "weights_not_finite"
    assert name in str(error)


def test_sparse_and_complex_tensors_are_refused(tmp_path: Path) -> None:
    for number, tensor in enumerate((torch.eye(3).to_sparse(), torch.ones(2) * 1j)):
        path = tmp_path / f"{number}.pth"
        torch.save({"a": tensor}, path)
        assert refused(path).code == "weights_unreadable"


def test_what_is_no_weights_file_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "no.pth").code == "weights_missing"
    (tmp_path / "w.onnx").write_bytes(b"x")
    assert refused(tmp_path / "w.onnx").code == "weights_unreadable"
    for content in ([1, 2], {}, {"a": 1}, {1: torch.ones(1)}, torch.ones(2)):
        torch.save(content, tmp_path / "w.pth")
        assert refused(tmp_path / "w.pth").code == "weights_unreadable", content


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_converted_and_said_so(dtype, tmp_path: Path, state: dict) -> None:
    given = {n: t.to(dtype) if t.is_floating_point() else t for n, t in state.items()}
    loaded = load_weights(SMALL, write(given, tmp_path / "w.safetensors"), state)
    for name, tensor in loaded.state.items():
        assert tensor.dtype == state[name].dtype
        assert torch.equal(tensor, given[name].to(state[name].dtype))
    kind = str(dtype).removeprefix("torch.")
    assert loaded.notes == (f"converted from {kind} to float32",)
    assert loaded.sha256 == state_sha256(given) != state_sha256(state)


def test_whole_numbers_in_place_of_weights_are_refused(tmp_path: Path, state: dict) -> None:
    given = {n: t.to(torch.int8) if t.ndim == 4 else t for n, t in state.items()}
    with pytest.raises(WeightsError, match="int8") as caught:
        load_weights(SMALL, write(given, tmp_path / "w.safetensors"), state)
    assert caught.value.code == "weights_mismatch"


def test_a_hash_that_differs_is_an_error(tmp_path: Path, state: dict) -> None:
    path = write(state, tmp_path / "w.safetensors")
    sha256 = state_sha256(state)
    assert read_weights(SMALL, path, weights_sha256=sha256.upper()).sha256 == sha256
    other = {n: t + 0 for n, t in state.items()}
    name = next(n for n, t in state.items() if t.ndim == 4)
    other[name][0, 0, 0, 0] = torch.nextafter(other[name][0, 0, 0, 0], torch.tensor(9.0))
    write(other, path)
    with pytest.raises(WeightsError, match=sha256) as caught:
        read_weights(SMALL, path, weights_sha256=sha256)
    assert caught.value.code == "weights_changed"
    with pytest.raises(WeightsError, match="64 hexadecimal digits") as caught:
        read_weights(SMALL, path, weights_sha256=sha256[:12])
    assert caught.value.code == "settings"


def test_the_hash_sees_names_shapes_and_kinds() -> None:
    base = {"a": torch.zeros(4), "b": torch.ones(2, 3)}
    variants = [
        {"a": torch.zeros(4), "c": torch.ones(2, 3)},
        {"a": torch.zeros(4), "b": torch.ones(3, 2)},
        {"a": torch.zeros(4), "b": torch.ones(2, 3, dtype=torch.int32)},
        {"a": -torch.zeros(4), "b": torch.ones(2, 3)},
        {"a": torch.zeros(4)},
    ]
    hashes = {state_sha256(state) for state in (base, *variants)}
    assert len(hashes) == 6
    assert state_sha256(dict(reversed(base.items()))) == state_sha256(base)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("imagenet", "none of the words 'packaged'"),
        ("random", "random:0"),
        ("random:", "random:0"),
        ("random:-1", "random:0"),
        ("random:one", "random:0"),
        ("https://example.org/resnet50.pth", "nothing is downloaded from addresses"),
        (None, "expected a path, or one of"),
        (0, "expected a path, or one of"),
    ],
)
def test_words_that_mean_nothing(weights: str, said: str) -> None:
    with pytest.raises(WeightsError, match=said) as caught:
        read_weights(SMALL, weights)
    assert caught.value.code == "weights_missing"


def test_random_weights_are_asked_for_by_name_and_called_so() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = read_weights(SMALL, "random:7")
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(99)
    assert read_weights(SMALL, "random:7").sha256 == first.sha256
    assert read_weights(SMALL, "random:8").sha256 != first.sha256
    assert first.is_random
    assert first.source == first.identity()["weights_source"] == "random:7"
    assert "RANDOM weights, never trained (random:7)" in first.description()


def test_trained_weights_are_never_called_random(tmp_path: Path, state: dict) -> None:
    loaded = read_weights(SMALL, write(state, tmp_path / "random:1.pth"))
    assert not loaded.description().startswith("RANDOM")
