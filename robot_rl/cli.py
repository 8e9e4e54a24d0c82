"""The command line ``robot-rl``; each command's module loads only when it is called."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from tyro.conf import subcommand

from robot_rl import __version__
from robot_rl.config import (
    ClassifierEvaluateConfig,
    ClassifierMistakenConfig,
    ClassifierTrainConfig,
    DatasetConfig,
    DemoConfig,
    DeployConfig,
    DoctorConfig,
    EstopConfig,
    EvaluateConfig,
    ExportConfig,
    FinetuneConfig,
    HomeConfig,
    ImitateConfig,
    JogConfig,
    LearnerConfig,
    OptionsConfig,
    PretrainConfig,
    RearmConfig,
    RecordConfig,
    ReplayConfig,
    ResumeConfig,
    TrainConfig,
    UpConfig,
)
from robot_rl.interruption import interruptible
from robot_rl.ranges import RangeError

if TYPE_CHECKING:
    from robot_rl.run import Run

Command = (
    Annotated[DemoConfig, subcommand("demo")]
    | Annotated[TrainConfig, subcommand("train")]
    | Annotated[ImitateConfig, subcommand("imitate")]
    | Annotated[ResumeConfig, subcommand("resume")]
    | Annotated[EvaluateConfig, subcommand("evaluate")]
    | Annotated[ExportConfig, subcommand("export")]
    | Annotated[DeployConfig, subcommand("deploy")]
    | Annotated[RecordConfig, subcommand("record")]
    | Annotated[ReplayConfig, subcommand("replay")]
    | Annotated[DatasetConfig, subcommand("dataset")]
    | Annotated[PretrainConfig, subcommand("pretrain")]
    | Annotated[
        Annotated[ClassifierTrainConfig, subcommand("train")]
        | Annotated[ClassifierEvaluateConfig, subcommand("evaluate")]
        | Annotated[ClassifierMistakenConfig, subcommand("mistaken")],
        subcommand("classifier", description="Learn to see success in camera images."),
    ]
    | Annotated[OptionsConfig, subcommand("options")]
    | Annotated[DoctorConfig, subcommand("doctor")]
    | Annotated[UpConfig, subcommand("up")]
    | Annotated[JogConfig, subcommand("jog")]
    | Annotated[HomeConfig, subcommand("home")]
    | Annotated[FinetuneConfig, subcommand("finetune")]
    | Annotated[LearnerConfig, subcommand("learner")]
    | Annotated[EstopConfig, subcommand("estop")]
    | Annotated[RearmConfig, subcommand("rearm")]
)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command.

    Returns:
        Exit status: 0 for success, 1 for an answered error, 130 for an interruption.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments == ["--version"]:
        print(f"robot-rl {__version__}")
        return 0
    if "" not in sys.path:
        sys.path.append("")  # for --env module:factory; last, so that it hides nothing installed
    try:
        with interruptible():
            config = _parse(arguments)
            return _commands()[type(config)](config)
    except KeyboardInterrupt as interruption:
        print(f"\ninterrupted{interruption}", file=sys.stderr)
        return 130
    except EXPECTED as error:
        print(f"robot-rl: {error}", file=sys.stderr)
        return 1


EXPECTED = (ValueError, TypeError, OSError, RuntimeError, ImportError)
"""Errors whose message is the answer; anything else is a defect and shows its trace."""


def _parse(arguments: list[str]) -> Any:
    """The settings that were typed.

    Raises:
        RangeError: If a value makes no sense.
        SystemExit: If help was asked for, or the arguments fit no command; all is printed then.
    """
    drawn = io.StringIO()
    try:
        with contextlib.redirect_stderr(drawn):
            return tyro.cli(
                Command,  # pyright: ignore[reportArgumentType]  # tyro takes unions, its stub not.
                prog="robot-rl",
                description="Learning for real robot arms: simulate, record, train, evaluate. "
                "--version prints the version.",
                args=arguments,
            )
    except SystemExit as ended:
        _raise_range_error_behind(ended)
        print(drawn.getvalue(), end="", file=sys.stderr)
        raise


def _raise_range_error_behind(error: BaseException | None) -> None:
    """Raises the error of our own that tyro answered with a box and an exit, if it was one."""
    while error is not None:
        if isinstance(error, RangeError):
            raise error from None
        error = error.__context__


def _commands() -> dict[type, Callable[[Any], int]]:
    return {
        DemoConfig: _demo,
        TrainConfig: _train,
        ImitateConfig: _imitate,
        ResumeConfig: _resume,
        EvaluateConfig: _evaluate,
        ExportConfig: _export,
        DeployConfig: _deploy,
        RecordConfig: _record,
        ReplayConfig: _replay,
        DatasetConfig: _dataset,
        PretrainConfig: _pretrain,
        ClassifierTrainConfig: _train_classifier,
        ClassifierEvaluateConfig: _evaluate_classifier,
        ClassifierMistakenConfig: _mistaken,
        OptionsConfig: _options,
        DoctorConfig: _doctor,
        UpConfig: _up,
        JogConfig: _jog,
        HomeConfig: _home,
        FinetuneConfig: _finetune,
        LearnerConfig: _learner,
        EstopConfig: _estop,
        RearmConfig: _rearm,
    }


def _demo(config: DemoConfig) -> int:
    from robot_rl.demo import demo

    demo(config)
    return 0


def _train(config: TrainConfig) -> int:
    from robot_rl.progress import Monitor
    from robot_rl.train import train

    with Monitor() as monitor:
        run = train(config, monitor)
    return _reported(run)


def _imitate(config: ImitateConfig) -> int:
    from robot_rl.imitation import imitate
    from robot_rl.progress import ImitationMonitor

    with ImitationMonitor() as monitor:
        run = imitate(config, monitor)
    return _told_of_imitation(run)


def _told_of_imitation(run: Run) -> int:
    from robot_rl.imitation import reported
    from robot_rl.log import read_log

    rows = read_log(run.folder)
    told = {
        "success": reported(rows),
        "return": reported(rows, "greedy_return"),
        "error of the actions in episodes that were held out": reported(rows, "greedy_error"),
    }
    known = {name: value for name, value in told.items() if not math.isnan(value)}
    name, value = next(iter((known or told).items()))
    said = f"{value:.0%}" if name == "success" else f"{value:.4g}"
    print(f"run: {run.folder}\n{name} {said}, mean of the last evaluations")
    return 0


def _resume(config: ResumeConfig) -> int:
    from robot_rl.imitation import resume_imitation
    from robot_rl.progress import ImitationMonitor, Monitor
    from robot_rl.run import Run
    from robot_rl.train import resume

    if Run.open(config.run).is_of(ImitateConfig):
        with ImitationMonitor() as watch:
            return _told_of_imitation(resume_imitation(config.run, config.steps, watch))
    with Monitor() as monitor:
        run = resume(config.run, config.steps, monitor)
    return _reported(run)


def _reported(run: Run) -> int:
    from robot_rl.run_report import write_run_report

    print(f"run: {run.folder}\nreport: {write_run_report(run, run.config(TrainConfig).env)}")
    return 0


def _evaluate(config: EvaluateConfig) -> int:
    from robot_rl.evaluate_run import evaluate_run

    print(evaluate_run(config))
    return 0


def _export(config: ExportConfig) -> int:
    from robot_rl.policy import Policy

    policy = Policy.load(config.run)
    if config.evaluations:
        policy = policy.with_evaluations(config.evaluations)
    print(f"policy: {policy.save(config.policy)}")
    return 0


def _deploy(config: DeployConfig) -> int:
    from robot_rl.deploy_run import deploy_run
    from robot_rl.progress import DeploymentMonitor

    with DeploymentMonitor(config.episodes) as monitor:
        try:
            deployed = deploy_run(config, monitor)
        except (*EXPECTED, KeyboardInterrupt):
            if monitor.deployed is not None:
                print(f"until then: {monitor.deployed}")
            raise
    print(deployed)
    return 0


def _record(config: RecordConfig) -> int:
    if config.robot:
        from robot_rl.robot_recording import record_on_robot

        print(record_on_robot(config))
        return 0
    from robot_rl.demonstrations import record, require_expert, schema_of
    from robot_rl.environments import make_env, parse_options
    from robot_rl.episodes import Episodes
    from robot_rl.near_misses import record_near_misses

    with make_env(config.env, 1, config.seed, **parse_options(config.options)) as env:
        require_expert(env, config.env)  # before there is a store, which would be in the way
        store = Episodes(config.folder, schema_of(env, config.env, config.options))
        script: dict[str, Any] = {
            "noise": config.tremble,
            "seed": config.seed,
            "operator": config.operator or "script",
        }
        if config.near_misses:
            attempts = config.near_misses
            recorded = record_near_misses(env, store, config.episodes, attempts, **script)
        else:
            failures = config.keep_failures
            recorded = record(env, store, config.episodes, keep_failures=failures, **script)
    print(f"{config.folder}: {recorded.successes} successes, {recorded.failures} failures")
    return 0


def _replay(config: ReplayConfig) -> int:
    from robot_rl.replay_episode import replay_episode
    from robot_rl.robot_replay import is_for_robot, replay_on_robot

    outcome = replay_on_robot(config) if is_for_robot(config) else replay_episode(config)
    print(outcome)
    return 0 if outcome.as_recorded else 1


def _dataset(config: DatasetConfig) -> int:
    from robot_rl.dataset import drop, info, report, verify

    if config.action == "verify":
        return verify(config.dataset, config.repair)
    if config.action == "drop":
        return drop(config.dataset, config.episode)
    return {"info": info, "report": report}[config.action](config.dataset)


def _pretrain(config: PretrainConfig) -> int:
    from robot_rl.pretraining import pretrain
    from robot_rl.progress import UpdateMonitor

    with UpdateMonitor(config.updates) as monitor:
        pretrained = pretrain(config, monitor)
    print(pretrained)
    return 0


def _train_classifier(config: ClassifierTrainConfig) -> int:
    from robot_rl.classifier_run import train
    from robot_rl.progress import UpdateMonitor

    with UpdateMonitor(config.updates) as monitor:
        told = train(config, monitor)
    print(told)
    return 0


def _evaluate_classifier(config: ClassifierEvaluateConfig) -> int:
    from robot_rl.classifier_run import evaluate

    print(evaluate(config))
    return 0


def _mistaken(config: ClassifierMistakenConfig) -> int:
    from robot_rl.episodes import Episodes

    store = Episodes(config.dataset)
    for which in config.episodes:
        said = store.mistake(which, config.by)
        print(
            f"{config.dataset}: episode {store.number(said.uuid)} ({said.uuid}, of {said.date}) "
            "is read as no success now"
        )
    return 0


def _options(config: OptionsConfig) -> int:
    from robot_rl.options import options_of

    print(*options_of(config.env), sep="\n")
    return 0


def _doctor(config: DoctorConfig) -> int:
    from robot_rl.doctor import diagnose, diagnose_robot, report

    findings = diagnose()
    if config.robot:
        findings += diagnose_robot(config.robot, config.namespace, config.mode, config.seconds)
    report(findings)
    return int(any(finding.status == "problem" for finding in findings))


def _up(config: UpConfig) -> int:
    # By name: robot_rl knows no hardware until somebody asks for a robot.
    up: Callable[..., int] = importlib.import_module("hardware.up").up
    return up(**vars(config))


def _home(config: HomeConfig) -> int:
    from robot_rl.environments import make_env

    with make_env("robot", task="", home=True, **vars(config)) as env:
        env.reset()
    print(f"{config.robot} is at its home")
    return 0


def _finetune(config: FinetuneConfig) -> int:
    from robot_rl.finetune import finetune
    from robot_rl.progress import ActorMonitor

    with ActorMonitor(config.steps) as monitor:
        finetuned = finetune(config, monitor)
    print(finetuned)
    return 0


def _learner(config: LearnerConfig) -> int:
    from robot_rl.progress import LearnerMonitor
    from robot_rl.remote_learner import run_learner

    with LearnerMonitor() as monitor:
        print(f"run: {run_learner(config, monitor)}")
    return 0


def _jog(config: JogConfig) -> int:
    return _ros_module("hardware.ros.jog").jog(**vars(config))


def _estop(config: EstopConfig) -> int:
    return _ros_module(_STOP_BUTTON).estop(**vars(config))


def _rearm(config: RearmConfig) -> int:
    return _ros_module(_STOP_BUTTON).rearm(**vars(config))


_STOP_BUTTON = "hardware.ros.stop_button"


def _ros_module(name: str) -> Any:
    if importlib.util.find_spec("rclpy") is None:
        raise ImportError("no ROS 2 here; source yours, or pip install 'robot-rl[ros]'")
    return importlib.import_module(name)


if __name__ == "__main__":
    sys.exit(main())
