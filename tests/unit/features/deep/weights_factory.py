"""Small networks' weights as files, folders, the hub's caches and a hub on this machine."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import save_file

from tumor_response.features.deep.weights.architecture import timm_config, untrained

SMALL = "test_resnet"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def state_of(backbone: str = SMALL, seed: int = 1, **changed: object) -> dict[str, torch.Tensor]:
    """Tensors of a network that stand for trained ones; the seed is nobody's default."""
    return untrained(backbone, seed=seed, **changed).state_dict()


def write(state: dict, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    else:
        torch.save(state, path)
    return path


def config_of(backbone: str = SMALL, **changed: object) -> dict:
    """What timm writes into a ``config.json``."""
    keep = ("tag", "mean", "std", "input_size", "num_classes", "license")
    trained = {name: value for name, value in timm_config(backbone).items() if name in keep}
    return {
        "architecture": backbone.partition(".")[0],
        "num_classes": trained["num_classes"],
        "pretrained_cfg": trained | changed,
    }


def repository(
    folder: Path,
    state: dict,
    config: dict | None = None,
    licence: str | None = "mit",
    file: str = "model.safetensors",
) -> Path:
    """A repository as the hub lays it out."""
    write(state, folder / file)
    (folder / "config.json").write_text(json.dumps(config or config_of()))
    if licence is not None:
        (folder / "README.md").write_text(f"---\ntags:\n- timm\nlicense: {licence}\n---\n# Model\n")
    return folder


def cache(root: Path, plain: Path, name: str = "timm/test_resnet.r160_in1k") -> Path:
    """The hub's cache of one repository: files by hash, and links to them by commit."""
    folder = root / f"models--{name.replace('/', '--')}"
    snapshot = folder / "snapshots" / COMMIT
    for part in (folder / "blobs", folder / "refs", snapshot):
        part.mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    for file in plain.iterdir():
        content = file.read_bytes()
        large = file.suffix in (".safetensors", ".bin")
        digest = hashlib.sha256(content).hexdigest() if large else hashlib.sha1(content).hexdigest()
        (folder / "blobs" / digest).write_bytes(content)
        (snapshot / file.name).symlink_to(Path("../../blobs") / digest)
    return folder


@contextmanager
def hub(repositories: dict[str, Path]) -> Iterator[tuple[str, list[str]]]:
    """A model hub that serves folders; yields its address and the list of what was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self, body: bool) -> None:
            asked.append(f"{self.command} {self.path}")
            owner, name, _, _revision, file = [*self.path.strip("/").split("/", 4), ""][:5]
            folder = repositories.get(f"{owner}/{name}")
            path = None if folder is None else folder / file
            if path is None or not path.is_file():
                error = "RepoNotFound" if folder is None else "EntryNotFound"
                self.send_response(404)
                self.send_header("X-Error-Code", error)
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = path.read_bytes()
            self.send_response(200)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content)

        def do_GET(self) -> None:
            self.answer(body=True)

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
