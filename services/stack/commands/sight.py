"""`train`, `export` and `eval`: the models that see, made and measured."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from services.stack.problems import Problem

if TYPE_CHECKING:
    from triton_models.eval_report import Prior
    from triton_models.eval_run import Predictor

Method = Literal["fused", "classifier"]
Whose = Literal["own", "other", "none"]

_ROOT = Annotated[Path, typer.Option("--kaputt", help="A data set in Kaputt's format, real or simulated.")]
_OUT = Annotated[Path, typer.Option(help="Folder for what training keeps; a stopped run goes on from it.")]
_PREDICTIONS = Annotated[Path, typer.Option(help="CSV to write.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    training = typer.Typer(
        help="Train a model (makes an environment of its own, .venv-train).", no_args_is_help=True
    )
    training.command("damage")(train_damage)
    training.command("compare")(train_compare)
    app.add_typer(training, name="train")
    app.command()(export)
    measuring = typer.Typer(help="Measure the models.", no_args_is_help=True)
    measuring.command("damage")(eval_damage)
    measuring.command("identify")(eval_identify)
    measuring.command("gallery")(eval_gallery)
    measuring.command("methods")(eval_methods)
    measuring.command("cost")(eval_cost)
    measuring.command("hardness")(eval_hardness)
    app.add_typer(measuring, name="eval")


def train_damage(  # noqa: PLR0913, PLR0917 - one argument per option
    root: _ROOT,
    out: _OUT,
    epochs: Annotated[int, typer.Option(min=1)] = 8,
    seed: Annotated[int, typer.Option(min=0)] = 11,
    backbone: Annotated[
        str, typer.Option(help="Any timm backbone, if its weights are to be had.")
    ] = "efficientnet_lite0",
    deep: Annotated[bool, typer.Option("--deep", help="Train the backbone's first blocks too.")] = False,  # noqa: FBT002 - a flag
    threads: Annotated[
        int, typer.Option(min=0, help="Of torch; 0: one a core. 1 is best beside other work.")
    ] = 0,
    start: Annotated[
        Path | None,
        typer.Option(help="An exported classifier to go on from: the shipped one, for labels of your own."),
    ] = None,
    peak: Annotated[
        float,
        typer.Option(
            min=0.01, max=1.0, help="Share of the usual rate of learning; half was good with --start."
        ),
    ] = 1.0,
) -> None:
    """Train the damage classifier on a data set's train split; measure each epoch on its validation split."""
    from services.stack import training

    arguments = ["--kaputt", str(root.absolute()), "--out", str(out.absolute()), "--epochs", str(epochs)]
    arguments += ["--seed", str(seed), "--backbone", backbone, *(["--deep"] if deep else [])]
    arguments += ["--peak", str(peak)]
    arguments += ["--threads", str(threads), *([] if start is None else ["--start", str(start.absolute())])]
    training.run("train_damage", arguments, Console(highlight=False))


def train_compare(
    root: _ROOT,
    out: _OUT,
    epochs: Annotated[int, typer.Option(min=1)] = 16,
    seed: Annotated[int, typer.Option(min=0)] = 5,
) -> None:
    """Train the gallery comparison: captures laid beside references of their product, and of others."""
    from services.stack import training

    arguments = ["--kaputt", str(root.absolute()), "--out", str(out.absolute()), "--epochs", str(epochs)]
    training.run("train_compare", [*arguments, "--seed", str(seed)], Console(highlight=False))


def export(
    trained: Annotated[Path, typer.Option(help="What `intact train damage` left: its --out.")],
    root: _ROOT,
    out: Annotated[
        Path | None, typer.Option(help="The ONNX file to write; the model repository unless given.")
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="No integers, whatever they would cost.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Write a trained damage classifier as ONNX, calibrated on validation, checked against PyTorch, to be served.

    With --out it is a candidate, which `intact model stage` and `promote` let serve. Without, it takes the place of the
    one in the model repository, and services start again once the fusion is fitted for it.
    """
    from services.stack import training

    arguments = [
        "--trained",
        str(trained.absolute()),
        "--kaputt",
        str(root.absolute()),
        *([] if out is None else ["--out", str(out.absolute())]),
        *(["--exact"] if exact else []),
    ]
    training.run("export_damage", arguments, Console(highlight=False))


def eval_damage(  # noqa: PLR0913, PLR0917 - one argument per option
    root: _ROOT,
    predictions: _PREDICTIONS,
    report: Annotated[Path, typer.Option(help="JSON to write.")],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    plots: Annotated[Path | None, typer.Option(help="Folder for PNG plots.")] = None,
    validation: Annotated[
        Path | None,
        typer.Option(help="Predictions on the validation split, on which the threshold is chosen."),
    ] = None,
    method: Annotated[
        Method,
        typer.Option(help="fused: what the mesh decides by; classifier: it alone, without references."),
    ] = "fused",
    gallery: Annotated[
        Whose, typer.Option(help="References of the product, of another one by mistake, or none.")
    ] = "own",
    references: Annotated[bool, typer.Option(help="--no-references is --gallery none.")] = True,  # noqa: FBT002 - a flag
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one a core.")] = 0,
) -> None:
    """Predict a split and measure it: average precision, AUROC, recalls, by material, defect and scenario."""
    from triton_models import eval_damage as measure

    console = Console(highlight=False)
    with _clear():
        measured = _fused() if method == "fused" else _classifier()
        found = measure.evaluate(
            root,
            split,
            predictor=measured.predictor,
            predictions=predictions,
            report=report,
            plots=plots,
            gallery=gallery if references and method == "fused" else "none",
            validation=validation,
            method=method,
            made_of=measured.made_of,
            prior=measured.prior,
            workers=workers or os.cpu_count() or 1,
            console=console,
        )
    _show(console, found)
    console.print(f"all figures: {report}")


class _Measured(NamedTuple):
    """A method, what it is made of, and the share of damage that its probabilities are of."""

    predictor: Predictor
    made_of: Mapping[str, str]
    prior: Prior


def _fused() -> _Measured:
    """What the mesh decides by."""
    from services.kernel import calibration
    from services.kernel.faults import ConfigurationFault
    from triton_models.eval_report import Prior
    from triton_models.fused import Fused, fusion_of
    from triton_models.predictor import NETWORK
    from triton_models.sightings import COMPARISON, build

    try:
        weights = calibration.shipped()
    except ConfigurationFault as error:  # fitted for another classifier
        raise Problem(str(error)) from error
    made_of = {"classifier": build(NETWORK), "comparison": build(COMPARISON), "fusion": weights.version}
    return _Measured(Fused(weights=fusion_of(weights)), made_of, Prior(share=weights.share))


def _classifier() -> _Measured:
    """The classifier alone, by its own calibration."""
    from triton_models.eval_report import Prior
    from triton_models.predictor import NETWORK, Classifier, shipped_share
    from triton_models.sightings import build

    return _Measured(Classifier(), {"classifier": build(NETWORK)}, Prior(share=shipped_share()))


def _show(console: Console, found: Mapping[str, Any]) -> None:
    """Print the headline figures, and what is called damaged of each scenario."""
    from triton_models.model_card import HEADLINES

    for name in HEADLINES:
        console.print(f"{name:24} {found[name]}  95 % {found[name + '_interval']}")
    console.print(
        f"called damaged at the threshold of 1 % false positives, chosen on {found['threshold_from']}:"
    )
    for scenario, said in found["by_scenario"].items():
        for name in ("recall", "false_positive_share"):
            if name in said:
                console.print(f"  {scenario:22} {name:21} {said[name]}  95 % {said[name + '_interval']}")


def eval_identify(
    gallery: Annotated[Path, typer.Option(help="Folder of <product_id>/*.jpg.")],
    queries: Annotated[Path, typer.Option(help="CSV image,product_id; paths relative to it.")],
    predictions: _PREDICTIONS,
    report: Annotated[Path, typer.Option(help="JSON to write.")],
    distractors: Annotated[int, typer.Option(min=0, help="Further, made-up products in the catalogue.")] = 0,
) -> None:
    """Identify products from their pictures alone: recall at 1 and 5, and absent products refused."""
    from triton_models.eval_identify import evaluate

    with _clear():
        evaluate(gallery, queries, predictions, report, distractors=distractors)


def eval_gallery(
    references: Annotated[Path, typer.Option(help="Folder of <product_id>/*.jpg, pristine.")],
    queries: Annotated[Path, typer.Option(help="The same of pictures to judge, or a CSV image,product_id.")],
    predictions: _PREDICTIONS,
    heat: Annotated[Path | None, typer.Option(help="Folder for a heat map of each query, PNG.")] = None,
    report: Annotated[Path | None, typer.Option(help="JSON to write.")] = None,
) -> None:
    """Compare pictures with references of their products: what is foreign, what is missing, and where."""
    from triton_models.eval_gallery import evaluate

    console = Console(highlight=False)
    with _clear():
        found = evaluate(references, queries, predictions, heat=heat, report=report, console=console)
    for verdict, count in found["verdicts"].items():
        console.print(f"{count:6}  {verdict}")
    console.print(f"alarms {found['alarms']:.2%}, 95 % interval {found['alarms_interval']}")
    console.print(f"{found['cpu_ms_per_query']} ms of processor time per query")


def eval_cost(
    report: Annotated[Path, typer.Option(help="JSON to write.")],
    root: Annotated[
        Path | None, typer.Option("--kaputt", help="A data set in Kaputt's format; unless given, the sample.")
    ] = None,
    split: Annotated[str, typer.Option(help="Whose captures.")] = "test",
    captures: Annotated[int, typer.Option(min=1, help="The first so many.")] = 140,
    products: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Size of a catalogue to identify in; again for another. 100 and 1000."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="PNG of what grows.")] = None,
) -> None:
    """Time what one capture costs on this machine: CPU by stage, by references, by size of the catalogue."""
    from services.stack.sample import SAMPLE
    from triton_models.eval_cost import evaluate

    console = Console(highlight=False)
    with _clear():
        found = evaluate(
            root or SAMPLE,
            report,
            split=split,
            captures=captures,
            products=products or (100, 1000),
            plot=plot,
            console=console,
        )
    table = Table("ms of CPU", "median", "95 % below", box=None, pad_edge=False)
    rows = [
        *found["stages"].items(),
        ("a capture", found["whole"]),
        *((f"comparison, {n} references", ms) for n, ms in found["comparison_by_references"].items()),
        *((f"identification, {n} products", ms) for n, ms in found["identification_by_products"].items()),
    ]
    for name, ms in rows:
        table.add_row(name, f"{ms['median']:.1f}", f"{ms['p95']:.1f}")
    console.print(table)
    console.print(f"{found['captures']} captures, {found['machine']}; all figures: {report}")


def eval_methods(
    root: Annotated[Path, typer.Option("--kaputt", help="A data set in Kaputt's format.")],
    out: Annotated[Path, typer.Option(help="Folder for predictions, reports and plots.")],
    split: Annotated[str, typer.Option(help="Which split.")] = "test",
) -> None:
    """Measure what a user would pick instead: anomalib's PatchCore and AnomalyDINO on the same backbone."""
    from services.stack import training

    arguments = ["--kaputt", str(root.absolute()), "--out", str(out.absolute()), "--split", split]
    training.run("anomalib_methods", arguments, Console(highlight=False))


def eval_hardness(
    root: Annotated[Path, typer.Argument(help="A data set in Kaputt's format.")],
    split: Annotated[str, typer.Option(help="Which split to measure on.")] = "test",
) -> None:
    """Say whether a data set is hard enough: a line through frozen ImageNet features must not exceed AP 0.80."""
    from services.stack import training

    training.run("linear_probe", [str(root.absolute()), "--split", split], Console(highlight=False))


class _clear:  # noqa: N801 - read as a word: `with _clear()`
    """Bad data ends as one sentence, not as a traceback."""

    def __enter__(self) -> None:
        """Nothing to do yet."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from triton_models.problems import BadData

        if isinstance(error, BadData):
            raise Problem(str(error)) from error
