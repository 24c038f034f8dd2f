"""Ask for models, cut a part out of a network, and build and train a new one."""

from __future__ import annotations

from demo_steps.shell import Shell

__all__ = ["QUERIES", "TRAINING", "ask", "build"]

_STRUCTURE = 'select m where m.metrics.accuracy > 0.92 and m["conv*"].next has POOL("MAX")'
_KIND = 'select m.name, m.version, m.parameters where m.name like "mini%" and m has EMBED'
_SMALLEST = """\
select m where m derived from "digits" and m.metrics.accuracy > 0.9
    order by m.parameters limit 3"""
_SLICE = """\
slice s from m in "digits" where m.tags = "best-so-far"
    mutate s.input = m["conv1"] and s.output = m["fc1"] as "digits-front\""""
_CONSTRUCT = """\
construct n from m in "digits" where m.tags = "best-so-far"
    mutate m["conv*"].freeze and m["fc1"].out = 32 as "digits-small\""""

QUERIES = (_STRUCTURE, _KIND, _SLICE, _CONSTRUCT, _SMALLEST)

# Whoever has the repository can do this: the source of the first model is not imported.
TRAINING = """\
import modelhub, torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

digits = load_digits()
images = torch.from_numpy(digits.images[:, None]).float() / 16
labels = torch.from_numpy(digits.target)
torch.manual_seed(0)

def accuracy(model):
    with torch.no_grad():
        return (model.eval()(images[-360:]).argmax(1) == labels[-360:]).float().mean().item()

with modelhub.Repository.open(".") as repo:
    print("digits-front gives", tuple(repo["digits-front"].module()(images[:5]).shape))
    print("digits@2 is right", round(accuracy(repo["digits@2"].module()), 4))
    model = repo["digits-small"].module()
    print("digits-small@1 is right", round(accuracy(model), 4), "as its last layers are fresh")
    trained = [p for p in model.parameters() if p.requires_grad]  # the others are frozen
    optimizer = torch.optim.Adam(trained, lr=2e-3)
    for _ in range(5):
        for some in torch.randperm(len(images) - 360).split(64):
            loss = cross_entropy(model.train()(images[some]), labels[some])
            optimizer.zero_grad(); loss.backward(); optimizer.step()
    right = round(accuracy(model), 4)
    print(repo.commit("digits-small", model, base="digits-small@1", metadata={"accuracy": right},
                      message="Trained behind frozen convolutions").rev, "is right", right)
"""


def ask(shell: Shell) -> None:
    """Find models by a metric and the structure of their networks, and by kinds of layers."""
    shell.run("modelhub", "query", _STRUCTURE)
    shell.run("modelhub", "query", _STRUCTURE, "--explain")
    shell.run("modelhub", "query", _KIND)


def build(shell: Shell) -> None:
    """Save a slice and a changed network as versions, train the latter, and compare."""
    shell.run("modelhub", "query", _SLICE, "--save")
    shell.run("modelhub", "query", _CONSTRUCT, "--save")
    shell.python(TRAINING)
    shell.run("modelhub", "diff", "digits@2", "digits-small@2", "--structure")
    shell.run("modelhub", "query", _SMALLEST)
