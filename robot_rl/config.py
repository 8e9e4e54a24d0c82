"""Settings of everything a user starts; the string under a field is its help when typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from robot_rl.agent_config import (
    AgentConfig,
    Algorithm,
    DrqConfig,
    DrqV2Config,
    EncoderName,
    PixelConfig,
    ResidualConfig,
    SacConfig,
)
from robot_rl.chunk_config import ChunkConfig, DiffusionConfig, RegressionConfig
from robot_rl.ranges import RangeError, above, at_least, check, each, within
from robot_rl.zenoh_session import ADDRESS

Products = Literal["float32", "bfloat16"]
ChunkPolicyName = Literal["diffusion", "regression"]
From = Annotated[Path | None, arg(name="from")]
"""A path that is typed as --from, which is no name in Python."""


@dataclass(frozen=True)
class ChoiceOfAgent:
    """Which learner, and its settings."""

    algorithm: Algorithm = field(default="sac", kw_only=True)
    """sac learns from the state, drq and drqv2 from cameras as well, residual corrects a base; each
    has settings below."""
    encoder_file: Path | None = field(default=None, kw_only=True)
    """Weights that what sees begins with, of robot-rl pretrain or your own; nothing is downloaded.
    """
    sac: SacConfig = field(default_factory=SacConfig, kw_only=True)
    drq: DrqConfig = field(default_factory=DrqConfig, kw_only=True)
    drqv2: DrqV2Config = field(default_factory=DrqV2Config, kw_only=True)
    residual: ResidualConfig = field(default_factory=ResidualConfig, kw_only=True)

    @property
    def agent(self) -> AgentConfig:
        """Settings of the learner that was chosen."""
        return self._agents[self.algorithm]

    @property
    def _agents(self) -> dict[Algorithm, AgentConfig]:
        return {
            "sac": self.sac,
            "drq": self.drq,
            "drqv2": self.drqv2,
            "residual": self.residual,
        }

    def __post_init__(self) -> None:
        _refuse_others("algorithm", self.algorithm, self._agents)
        self._require_encoder()

    def _require_encoder(self) -> None:
        agent, file = self.agent, self.encoder_file
        if file is not None and not isinstance(agent, PixelConfig):
            raise RangeError(
                f"encoder_file is {file}, and algorithm {self.algorithm} looks at no pictures; "
                "leave it out (a run of --from brings its own), or choose --algorithm drq"
            )
        if file is None and isinstance(agent, PixelConfig) and agent.frozen:
            raise RangeError(
                "frozen keeps the encoder as it begins, which is random; give --encoder-file, or "
                f"leave --{self.algorithm}.frozen out"
            )


@dataclass(frozen=True)
class SimulationConfig:
    """A task in simulation, who shows it, and how a policy of it is judged."""

    env: str = field(default="peg_insert", kw_only=True)
    """reach, pick_cube, peg_insert, peg_remove, push, point, detour, gym:<id>, or one of your own
    as module:factory."""
    options: tuple[str, ...] = field(default=(), kw_only=True)
    """Settings of the environment, e.g. clearance=0.0005; `robot-rl options ENV` lists them."""
    seed: int = field(default=0, kw_only=True)
    """Seed of environment, demonstrations and networks."""
    demonstrations: int = field(default=20, kw_only=True)
    """Successful scripted episodes to record first; train with 0 learns from reward alone."""
    demonstration_noise: float = field(default=0.1, kw_only=True)
    """Standard deviation of their tremble, in units of the action. Who strays shows the way back
    (DART): more of it helps where cameras alone tell how far off a policy is."""
    dataset: Path | None = field(default=None, kw_only=True)
    """Learn from this dataset's episodes instead of recording new ones."""
    teacher: Path | None = field(default=None, kw_only=True)
    """Run or policy file that demonstrates in the place of the script: one that was trained with
    the state of the objects, for a learner that sees none (privileged=False)."""
    evaluation_episodes: int = field(default=100, kw_only=True)
    """Episodes of each evaluation."""
    evaluation_envs: int = field(default=50, kw_only=True)
    """Worlds that evaluate side by side; with more of them other episodes are drawn."""
    videos: bool = field(default=False, kw_only=True)
    """Film an episode at every evaluation."""
    threads: int = field(default=1, kw_only=True)
    """Threads of torch. More are faster on an idle machine, and crawl beside any other load."""
    products: Products = field(default="bfloat16", kw_only=True)
    """Precision of the factors in matrix products, where the processor has units for it."""
    device: str = field(default="cpu", kw_only=True)
    """Where it learns: cpu, or cuda."""
    folder: Path | None = field(default=None, kw_only=True)
    """Run folder; by default runs/<env>-<date>-<time>."""

    def __post_init__(self) -> None:
        check(
            self,
            seed=at_least(0),
            demonstrations=at_least(0),
            demonstration_noise=at_least(0),
            evaluation_episodes=at_least(1),
            evaluation_envs=at_least(1),
            threads=at_least(1),
        )
        if self.teacher is not None and (self.dataset is not None or not self.demonstrations):
            why = "dataset has them already" if self.dataset else "demonstrations is 0"
            raise RangeError(
                f"teacher is {self.teacher}, who gives demonstrations, and {why}; leave one of the "
                "two out"
            )


@dataclass(frozen=True)
class TrainConfig(SimulationConfig, ChoiceOfAgent):
    """Learn a task in simulation from demonstrations and reward."""

    steps: int = 15_000
    """Environment steps, counted over all worlds."""
    num_envs: int = 8
    """Worlds that learn side by side."""
    capacity: int = 200_000
    """Transitions that the replay holds."""
    random_steps: int = 500
    """Steps of random actions at the start, where there are no demonstrations."""
    learning_starts: int = 200
    """Steps before the first update."""
    greedy_share: float = 0.25
    """Share of episodes without exploration noise: they show where the greedy policy gets stuck."""
    snapshot_share: float = 0.0
    """Share of episodes that start in a demonstrated state (SnapshotRL)."""
    keep_successes: bool = False
    """Whether episodes in which the policy succeeds count among the demonstrations."""
    evaluate_every: int = 1_500
    """Environment steps between evaluations, greedy and sampled."""

    def __post_init__(self) -> None:
        SimulationConfig.__post_init__(self)
        ChoiceOfAgent.__post_init__(self)
        needed = max(self.agent.batch_size, 4 * self.num_envs)
        check(
            self,
            steps=at_least(1),
            num_envs=at_least(1),
            capacity=at_least(needed, "for a batch and four steps of all worlds"),
            random_steps=at_least(0),
            learning_starts=at_least(0),
            greedy_share=within(0, 1),
            snapshot_share=within(0, 1),
            evaluate_every=at_least(1),
        )


_OF_WORLDS = ("options", "videos", "evaluation_episodes", "evaluation_envs")
"""Settings of no effect where a policy is judged without a simulation."""


@dataclass(frozen=True)
class ImitateConfig(SimulationConfig):
    """Learn a task from demonstrations alone, by policies that plan several steps.

    With --env robot and --dataset from what was recorded on one, judged by episodes held out.
    """

    policy: ChunkPolicyName = "diffusion"
    """diffusion keeps different ways of doing it apart; regression is plain behaviour cloning."""
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    regression: RegressionConfig = field(default_factory=RegressionConfig)
    trim_idle: bool = False
    """Whether to leave out what is idle at both ends of the episodes."""
    updates: int = 10_000
    """Updates of the policy."""
    evaluate_every: int = 250
    """Updates between evaluations; the mean of the last ten is what it reports."""

    @property
    def chunk(self) -> ChunkConfig:
        """Settings of the policy that was chosen."""
        return self._chunks[self.policy]

    @property
    def _chunks(self) -> dict[ChunkPolicyName, ChunkConfig]:
        return {"diffusion": self.diffusion, "regression": self.regression}

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, updates=at_least(1), evaluate_every=at_least(1))
        _refuse_others("policy", self.policy, self._chunks)
        if self.dataset is None and not self.demonstrations:
            raise RangeError(
                "demonstrations is 0, and there is nothing else to imitate; give some, or --dataset"
            )
        if self.env == "robot":
            self._require_recorded()

    def _require_recorded(self) -> None:
        """On a robot nothing is shown now, moved as somebody likes, or filmed."""
        if self.dataset is None:
            raise RangeError(
                "env is robot, and nobody can show it now; give --dataset DATASET with what was "
                "recorded there"
            )
        for one in fields(ImitateConfig):
            if one.name in _OF_WORLDS and getattr(self, one.name) != one.default:
                raise RangeError(
                    f"env is robot, and {one.name} is of simulated worlds, of which there are "
                    "none; leave it out"
                )


@dataclass(frozen=True)
class ResumeConfig:
    """Go on with a run that was interrupted, or train a finished one for longer."""

    run: Positional[Path]
    """Run folder; its own settings count."""
    steps: int | None = None
    """New number of environment steps, or of updates where it imitates; None keeps the run's own.
    """

    def __post_init__(self) -> None:
        check(self, steps=at_least(1))


@dataclass(frozen=True)
class LearnerConfig(ChoiceOfAgent):
    """Learn from what actors on robots send, and give them the weights that act."""

    run: Positional[Path]
    """Run folder; one that exists is gone on with."""
    source: From = None
    """Run folder of a simulator's training, to start from."""
    demonstrations: Path | None = None
    """Dataset of demonstrations; without --from they are cloned first."""
    base: Path | None = None
    """With --algorithm residual: policy file or run that it corrects, e.g. one of imitate."""
    buffer: bool = False
    """With --from: what its policy did in simulation counts among the demonstrations."""
    pretraining: int = 0
    """Updates on demonstrations alone before the first step; there must be some."""
    address: str = ADDRESS
    """Where to listen for actors."""
    utd_ratio: float | None = None
    """Updates per step of the robots, as the learner's own if None; actors wait when the learner
    falls behind."""
    patience: int = 200
    """Steps by which the learner may be behind before actors wait."""
    learning_starts: int = 200
    """Steps of the robots before the first update."""
    capacity: int | None = None
    """Transitions that each replay holds, on disk; None: 200,000, and 30,000 with pictures."""
    rlif: bool = False
    """Learn from takeovers alone: before each, and where the policy fails, a cost of 1; no other
    reward, critics that begin anew."""
    takeover_cost: float = 0.0
    """What takeovers cost beside other rewards, as the robots' source intervention says, so that
    critics expect it; finetune tells the learner that it starts."""
    publish_every: int = 20
    """Updates between two versions of the weights."""
    checkpoint_every: float = 60.0
    """Seconds between checkpoints."""
    seed: int = 0
    """Seed of the batches."""
    threads: int = 1
    """Threads of torch."""
    products: Products = "bfloat16"
    """Precision of the factors in matrix products, where the processor has units for it."""
    device: str = "cpu"
    """Where it learns: cpu, or cuda; robots act on their processor in any case."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_a_beginning(self)
        check(
            self,
            pretraining=at_least(0),
            utd_ratio=above(0),
            patience=at_least(1),
            learning_starts=at_least(1),
            capacity=at_least(1000),
            takeover_cost=at_least(0),
            publish_every=at_least(1),
            checkpoint_every=above(0),
            seed=at_least(0),
            threads=at_least(1),
        )
        if self.rlif and self.takeover_cost:
            raise RangeError(
                f"takeover_cost is {self.takeover_cost:g}, beside other rewards, and with rlif "
                "there are none, and takeovers cost 1; leave one of the two out"
            )


@dataclass(frozen=True)
class FinetuneConfig(ChoiceOfAgent):
    """Learn on a robot over ROS 2, from a simulator's policy, demonstrations, or both."""

    run: Positional[Path]
    """Run folder; one that exists is gone on with."""
    source: From = None
    """Run folder of a simulator's training, to start from."""
    demonstrations: Path | None = None
    """Dataset of demonstrations; without --from they are cloned first."""
    base: Path | None = None
    """With --algorithm residual: policy file or run that it corrects, e.g. one of imitate."""
    buffer: bool = False
    """With --from: what its policy did in simulation counts among the demonstrations."""
    pretraining: int = 0
    """Updates on demonstrations alone before the first step; there must be some."""
    learner: str = ""
    """Address of a learner that runs already, e.g. tcp/192.168.1.5:7447; several robots may share
    one. Empty starts one beside the robot, with all of the above."""
    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file; with --env something else, any name."""
    env: str = "robot"
    """Where it acts: a robot over ROS 2, or an environment, e.g. twin_peg_insert."""
    namespace: str = ""
    """Namespace of the robot's nodes."""
    start: bool = False
    """Start the robot's processes as `robot-rl up` does, and end them afterwards."""
    gap: str = "none"
    """With start, twin: in what it differs from the arm in MuJoCo (none, lab-1, lab-2)."""
    task: str = ""
    """Task of the robot; empty takes the one that was trained or demonstrated."""
    options: tuple[str, ...] = ()
    """Further settings of the environment, e.g. timeout=20; `robot-rl options robot` lists them."""
    steps: int = 12_000
    """Steps of the robot to do now: ten minutes at 20 a second."""
    utd_ratio: float | None = None
    """Updates per step, as the learner's own if None; the robot waits between episodes when the
    learner falls behind."""
    greedy_share: float = 0.25
    """Share of episodes without exploration noise."""
    exploration: float = 0.3
    """Factor on that noise in the others: what a simulator forgives costs a robot its success."""
    person: float = 0.0
    """Skill of a scripted person who takes over where the policy is stuck, up to 1; 0: nobody. On a
    robot it goes with start; beside a robot of your own: robot-rl up --person."""
    rlif: bool = False
    """Learn from takeovers alone (RLIF): the step before each costs 1, and so does a failure by the
    policy; success pays nothing."""
    device: str = "cpu"
    """Where the learner learns: cpu, or cuda."""
    backward: str = ""
    """Policy file or run folder that brings a robot's arm back after each episode, e.g. one of
    peg_remove; where it fails, and if it is empty, the scripted start does."""
    realtime: bool = True
    """On a robot: ask for real-time scheduling of who acts, so that steps are on time beside a
    learner; without the right to it they come as they come."""
    seed: int = 0
    """Seed of starts and batches."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.learner:
            self._require_nothing_to_learn_with()
        else:
            _require_a_beginning(self)
        check(
            self,
            pretraining=at_least(0),
            steps=at_least(1),
            utd_ratio=above(0),
            greedy_share=within(0, 1),
            exploration=at_least(0),
            person=within(0, 1),
            seed=at_least(0),
        )
        self._require_robot()

    def _require_nothing_to_learn_with(self) -> None:
        usual = FinetuneConfig(self.run, demonstrations=Path())
        given = [
            name
            for name in (*_OF_LEARNERS, *OF_AGENTS)
            if getattr(self, name) != getattr(usual, name)
        ]
        if self.demonstrations is not None:
            given.append("demonstrations")
        if given:
            raise RangeError(
                f"the learner at {self.learner} has settings of its own, and {given[0]} is one of "
                "them; give it to robot-rl learner, and leave it out here"
            )

    def _require_robot(self) -> None:
        on_robot = self.env == "robot"
        if self.person and on_robot and not self.start:
            raise RangeError(
                "person goes with start, for they are a process of the robot's; add --start, or "
                f"start yours with robot-rl up --person {self.person:g}"
            )
        _require_start_for_gap(self)
        if self.backward and not on_robot:
            raise RangeError(
                f"backward is {self.backward!r}, and {self.env} puts its arm back by itself; leave "
                "it out, or act on a robot"
            )


OF_AGENTS = tuple(one.name for one in fields(ChoiceOfAgent))
"""Names of what chooses an agent."""
_OF_LEARNERS = ("source", "base", "buffer", "pretraining", "utd_ratio", "rlif", "device")


def _refuse_others(choice: str, chosen: str, settings: Mapping[Any, Any]) -> None:
    """What was not chosen keeps its defaults: settings of it would be of no effect."""
    for name, other in settings.items():
        if name != chosen and other != type(other)():
            raise RangeError(
                f"{choice} is {chosen}, and there are settings of {name}; leave --{name} out, or "
                f"choose --{choice} {name}"
            )


def _require_start_for_gap(config: FinetuneConfig | DeployConfig) -> None:
    if config.gap != "none" and not config.start:
        raise RangeError(
            "gap goes with start, for it is that of the twin which is started; add --start, or "
            f"start yours with robot-rl up --gap {config.gap}"
        )


def _require_a_beginning(config: LearnerConfig | FinetuneConfig) -> None:
    if config.source is None and config.demonstrations is None:
        raise RangeError(
            "there is nothing to start from: add --demonstrations DATASET, which robot-rl record "
            "makes, or --from RUN of robot-rl train, or both"
        )
    _require_base(config)
    if config.buffer and (config.source is None or config.rlif):
        why = "rewards of a simulator are none of rlif" if config.rlif else "add --from RUN"
        raise RangeError(f"buffer is what the run of --from did in simulation; {why}")
    if config.source is not None and config.agent != SacConfig():
        raise RangeError(
            f"--from {config.source} brings the algorithm and the settings that it was trained "
            f"with; leave --algorithm and --{config.algorithm} out, or start from "
            "--demonstrations alone"
        )


def _require_base(config: LearnerConfig | FinetuneConfig) -> None:
    """Who corrects a base has one, and nobody else has."""
    corrects = config.source is None and config.algorithm == "residual"
    if corrects and config.base is None:
        raise RangeError(
            "residual corrects a base, and there is none; add --base RUN, a policy file or run of "
            "robot-rl imitate or train"
        )
    if config.base is not None and not corrects:
        why = "--from brings its own" if config.source else "choose --algorithm residual with it"
        raise RangeError(f"base is {config.base}, and {why}")


@dataclass(frozen=True)
class DemoConfig:
    """Watch an arm learn to insert a peg: simulated, then on a robot behind ROS 2; ten minutes."""

    folder: Path = Path("runs/demo")
    """Where the report goes; an older demo there is replaced."""
    steps: int = 600
    """Steps in simulation; more of them make no better beginning on the robot."""
    demonstrations: int = 10
    """Demonstrations on the robot, and as many near misses, from which its camera learns."""
    minutes: float = 2.0
    """Of practice on the robot."""
    seed: int = 0
    """Seed of everything."""
    gap: str = "lab-2"
    """In what the robot differs from the one that was simulated."""
    episodes: int = 15
    """Episodes of each evaluation on the robot."""

    def __post_init__(self) -> None:
        check(
            self,
            steps=at_least(1),
            demonstrations=at_least(4),
            minutes=above(0),
            seed=at_least(0),
            episodes=at_least(1),
        )


@dataclass(frozen=True)
class EvaluateConfig:
    """Measure a trained policy, or compare two runs."""

    run: Positional[Path]
    """Run folder."""
    against: Path | None = None
    """A second run folder to compare with (AdaStop test on the episodes' success)."""
    episodes: int = 100
    """Episodes for each policy."""
    seed: int = 12345
    """Seed of the episodes."""
    video: Path | None = None
    """Film one episode into this file; with several evaluations by the first of them."""
    evaluations: tuple[int, ...] | None = None
    """Of the network for a plan of a diffusion policy, in the place of its own, e.g. 3 5 10 16:
    each is measured, with the time that a plan takes."""

    def __post_init__(self) -> None:
        check(self, episodes=at_least(1), seed=at_least(0), evaluations=each(at_least(1)))
        if self.evaluations and self.against is not None:
            raise RangeError(
                "evaluations are tried with one run, and against compares two; leave one out"
            )


@dataclass(frozen=True)
class RecordConfig:
    """Record demonstrations into a dataset, in simulation or on a robot."""

    dataset: Positional[Path | None] = None
    """Folder of the dataset; episodes are added to one that exists. By default runs/recorded/..."""
    env: str = "peg_insert"
    """Environment with a scripted expert; on a robot the task, empty for none."""
    options: tuple[str, ...] = ()
    """Settings of the environment, e.g. cameras=front,wrist; `robot-rl options ENV` lists them."""
    episodes: int = 20
    """Successful episodes to record; of a person, those they keep."""
    noise: float | None = None
    """Standard deviation of the tremble, in units of the action; by default 0.1, on a robot 0.02,
    for its arm trembles by itself."""
    keep_failures: bool = False
    """Keep failed episodes too, marked as such."""
    near_misses: int = 0
    """For each success so many attempts that nearly are one, for a classifier; give the environment
    --options linger=8, so that a success is seen for a while. On a robot with --scripted."""
    operator: str = ""
    """Who demonstrates; a script unless said otherwise."""
    seed: int = 0
    """Seed of episodes and tremble."""
    robot: str = ""
    """Record on this robot over ROS 2: name of a preset, or path of a YAML file. A person acts, by
    teleoperation, unless --scripted; keys end episodes."""
    scripted: int | None = None
    """On a robot: let the task's expert act until so many episodes succeeded."""
    namespace: str = ""
    """Namespace of the robot's nodes."""
    start: bool = False
    """Start the robot's processes as `robot-rl up` does, and end them afterwards."""

    def __post_init__(self) -> None:
        check(
            self,
            episodes=at_least(1),
            noise=at_least(0),
            seed=at_least(0),
            scripted=at_least(1),
            near_misses=at_least(0),
        )
        if self.near_misses and self.robot and self.scripted is None:
            raise RangeError(
                "near_misses goes with scripted, for a person decides by themselves what they do; "
                "add --scripted 20, or record failures with --keep-failures"
            )
        if self.scripted is not None and not self.robot:
            raise RangeError(
                "scripted goes with robot, for a simulator's expert always acts; add --robot twin, "
                f"or type --episodes {self.scripted}"
            )

    @property
    def tremble(self) -> float:
        """The noise, or what it is by default."""
        return self.noise if self.noise is not None else 0.02 if self.robot else 0.1

    @property
    def folder(self) -> Path:
        """Where the episodes go."""
        where = "-".join(filter(None, (self.robot, self.env.replace(":", "-"))))
        return self.dataset or Path("runs/recorded", where.replace("/", "-"))


@dataclass(frozen=True)
class ReplayConfig:
    """Send the recorded actions of an episode to its environment, or to its robot, again."""

    dataset: Positional[Path]
    """Folder of the dataset."""
    episode: int = 0
    """Number of the episode."""
    video: Path | None = None
    """In simulation: film it into this file."""
    robot: str = ""
    """What was recorded on a robot goes to it again, through its safety node. Name of a preset, or
    path of a YAML file; empty takes the dataset's own."""
    namespace: str = ""
    """Namespace of the robot's nodes."""
    start: bool = False
    """Start the robot's processes as `robot-rl up` does, and end them afterwards."""

    def __post_init__(self) -> None:
        check(self, episode=at_least(0))


@dataclass(frozen=True)
class DatasetConfig:
    """Look at a dataset, verify it, repair it, take an episode out."""

    action: Positional[Literal["info", "verify", "report", "drop"]]
    """info prints a summary; verify checks every byte; report says what to do before imitating;
    drop moves an episode to quarantine/, where nobody learns from it."""
    dataset: Positional[Path]
    """Folder of the dataset."""
    repair: bool = False
    """With verify: move broken and unfinished episodes to quarantine/."""
    episode: str = ""
    """With drop: number of the episode, -1 for the last, or the beginning of its uuid; those after
    it have other numbers from then on."""

    def __post_init__(self) -> None:
        if self.repair and self.action != "verify":
            raise RangeError(
                f"repair goes with verify alone; type: robot-rl dataset verify {self.dataset} "
                "--repair"
            )
        if self.action == "drop" and not self.episode:
            raise RangeError(
                f"drop takes an episode out; type: robot-rl dataset drop {self.dataset} --episode "
                "NUMBER"
            )
        if self.episode and self.action != "drop":
            raise RangeError(f"episode goes with drop alone; leave --episode {self.episode} out")


@dataclass(frozen=True)
class PretrainConfig:
    """Train an encoder on recorded episodes, without labels, for --encoder-file of a learner."""

    datasets: Positional[tuple[Path, ...]]
    """Folders of datasets with pictures; whether their episodes succeed does not matter."""
    output: Path = Path("encoder.weights")
    """File to write; plots go into a folder of the same name beside it."""
    encoder: EncoderName = "resnet10"
    """small: four convolutions of stride 2; drqv2; resnet10, resnet18."""
    cameras: tuple[str, ...] = ()
    """Cameras to learn from; all by default."""
    image_size: int = 0
    """Height and width to which pictures are shrunk, as the learner sees them; 0 leaves them."""
    near: int = 3
    """Steps within which two pictures belong to one moment."""
    hold_out: float = 0.2
    """Share of the episodes that are held out, whole, to judge by."""
    updates: int = 1500
    """Updates of the encoder."""
    batch_size: int = 64
    """Moments per update, four of each episode."""
    learning_rate: float = 3e-4
    """AdamW's step size at the beginning; it falls to 0."""
    seed: int = 0
    """Seed of what is held out, of the network and of the batches."""
    threads: int = 1
    """Threads of torch."""
    products: Products = "bfloat16"
    """Precision of the factors in matrix products, where the processor has units for it."""

    def __post_init__(self) -> None:
        check(
            self,
            image_size=at_least(0),
            near=at_least(1),
            hold_out=above(0, up_to=0.9),
            updates=at_least(1),
            batch_size=at_least(8),
            learning_rate=above(0),
            seed=at_least(0),
            threads=at_least(1),
        )


@dataclass(frozen=True)
class ClassifierTrainConfig:
    """Train a classifier of success on camera images of recorded episodes."""

    datasets: Positional[tuple[Path, ...]]
    """Folders of datasets, with successes and failures."""
    output: Path = Path("success.classifier")
    """File to write; plots go into a folder of the same name beside it."""
    cameras: tuple[str, ...] = ()
    """Cameras to look at; all by default."""
    frames: int = 3
    """Frames in a row that must show success at run time; the threshold is chosen for it."""
    false_rate: float = 0.01
    """Share of the episodes that may be paid wrongly; the threshold keeps to it on those held
    out."""
    hold_out: float = 0.3
    """Share of the scenes that are held out, whole, to judge by."""
    size: int = 64
    """Height and width of what the network sees [pixels], a multiple of 16."""
    updates: int = 800
    """Updates of the network."""
    batch_size: int = 64
    """Frames per update, half of them successes."""
    learning_rate: float = 1e-3
    """AdamW's step size at the beginning; it falls to 0."""
    encoder: Path | None = None
    """Classifier whose encoders to begin with."""
    freeze: bool = False
    """With encoder: leave the encoders as they are."""
    seed: int = 0
    """Seed of what is held out, of the network and of the batches."""
    threads: int = 1
    """Threads of torch."""

    def __post_init__(self) -> None:
        check(
            self,
            frames=at_least(1),
            false_rate=within(0, 0.5),
            hold_out=above(0, up_to=0.9),
            size=at_least(16),
            updates=at_least(1),
            batch_size=at_least(2),
            learning_rate=above(0),
            seed=at_least(0),
            threads=at_least(1),
        )
        if self.size % 16:
            raise RangeError(f"size is {self.size}; give a multiple of 16")
        if self.freeze and self.encoder is None:
            raise RangeError("freeze goes with encoder; add --encoder FILE")


@dataclass(frozen=True)
class ClassifierEvaluateConfig:
    """Judge a classifier of success by recorded episodes, as it would judge them at run time."""

    classifier: Positional[Path]
    """File that train wrote."""
    datasets: Positional[tuple[Path, ...]]
    """Folders of datasets; what it has learned from, or was set by, is left out."""
    frames: int | None = None
    """Frames in a row; None takes those that the threshold is for."""
    threshold: float | None = None
    """Probability from which a frame shows success; None takes the file's own."""
    plots: Path | None = None
    """Folder for plots."""

    def __post_init__(self) -> None:
        check(self, frames=at_least(1), threshold=within(0, 1))


@dataclass(frozen=True)
class ClassifierMistakenConfig:
    """Say that an episode was no success, though it was taken for one; then train again."""

    dataset: Positional[Path]
    """Folder of the dataset."""
    episodes: Positional[tuple[str, ...]]
    """Numbers, counted from 0, of which -1 is the last; or uuids, or as much of their beginning as
    tells them apart."""
    by: str = ""
    """Who says so."""


@dataclass(frozen=True)
class OptionsConfig:
    """List the settings of an environment, for --options."""

    env: Positional[str]
    """Name of the environment, as for train."""


@dataclass(frozen=True)
class ExportConfig:
    """Write the policy of a run into one file that a robot can load."""

    run: Positional[Path]
    """Run folder."""
    policy: Positional[Path]
    """File to write, e.g. peg.policy."""
    evaluations: int | None = None
    """Of the network for a plan of a diffusion policy, in the place of its own."""

    def __post_init__(self) -> None:
        check(self, evaluations=at_least(1))


@dataclass(frozen=True)
class DeployConfig:
    """Let a trained policy act on a robot over ROS 2, and measure it."""

    policy: Positional[Path]
    """Run folder, or a file that export wrote."""
    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file."""
    namespace: str = ""
    """Namespace of the robot's nodes."""
    start: bool = False
    """Start the robot's processes as `robot-rl up` does, and end them afterwards."""
    gap: str = "none"
    """With start, twin: in what it differs from the arm in MuJoCo (none, lab-1, lab-2)."""
    task: str = ""
    """Task of the robot; empty takes the one that was trained."""
    episodes: int = 20
    """Episodes to run."""
    seed: int = 12345
    """Seed of their starts."""
    options: tuple[str, ...] = ()
    """Further settings of the robot, e.g. timeout=20; `robot-rl options robot` lists them."""
    video: Path | None = None
    """Twin: film the first episode into this file."""
    evaluations: int | None = None
    """Of the network for a plan of a diffusion policy, in the place of its own."""

    def __post_init__(self) -> None:
        check(self, episodes=at_least(1), seed=at_least(0), evaluations=at_least(1))
        _require_start_for_gap(self)


@dataclass(frozen=True)
class DoctorConfig:
    """Say what this machine can do, and what to install for the rest; and how a robot is."""

    robot: str = ""
    """Look at a robot as well: twin, fr3, ur5e, xarm7, gen3, so101, or the path of a YAML file."""
    namespace: str = ""
    """Namespace of the robot's nodes."""
    mode: str = ""
    """Command mode of the arm; empty takes the contract's own."""
    seconds: float = 5.0
    """How long to listen to the robot; nodes that miss each other meet seconds later."""

    def __post_init__(self) -> None:
        check(self, seconds=within(0.5, 600))


@dataclass(frozen=True)
class UpConfig:
    """Start a robot on ROS 2: the simulated one, or what stands around a real one."""

    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file."""
    namespace: str = ""
    """Put before all names, so that several robots go side by side."""
    driver: str = ""
    """Driver of the arm: twin, or module:class of one's own. Empty is twin for the robot twin, and
    none for any other, whose driver its own launch file starts."""
    task: str = "peg_insert"
    """Twin: the task whose objects stand in front of the arm. Otherwise: what is done."""
    gap: str = "none"
    """Twin: in what it differs from the arm in MuJoCo (none, lab-1, lab-2)."""
    seed: int = 0
    """Twin: seed of scene and noise; policy: of the starts of episodes."""
    speed: float = 1.0
    """Twin: how much faster than real time; anything but 1 publishes /clock, which all then use."""
    mode: str = ""
    """Command mode of the arm; empty takes the contract's own."""
    cameras: tuple[str, ...] = ()
    """Cameras to open, each name=source: front=/dev/video0. The twin draws its own."""
    controller: bool = False
    """Start our Cartesian controller in front of an arm that takes joint positions; for an arm that
    is started here it goes without saying."""
    teleop: bool = False
    """Start the teleop node: a person moves the arm while they hold the deadman."""
    page: bool = False
    """Start the page node, and the teleop node for it: a page in the browser that shows the robot,
    moves the arm while a button is held, stops it, and labels episodes."""
    page_port: int = 8080
    """Page: port on 127.0.0.1."""
    person: float = 0.0
    """Skill, up to 1, of a scripted person who takes over where a policy is stuck; 0: nobody."""
    policy: str = ""
    """File that robot-rl export wrote, or folder of a run; starts the policy node."""
    dataset: str = ""
    """Folder of the dataset; starts the recorder node, whose services begin and end episodes."""
    operator: str = ""
    """Recorder: who does it."""
    mcap: bool = False
    """Recorder: keep all messages of an episode as well, raw, as an MCAP file."""
    use_sim_time: bool = False
    """Take the time from /clock."""
    params_file: Path | None = None
    """YAML with further parameters of the nodes."""
    log_level: Literal["debug", "info", "warn", "error", "fatal"] = "info"
    """What the nodes say."""

    def __post_init__(self) -> None:
        check(self, seed=at_least(0), speed=above(0), person=within(0, 1))


@dataclass(frozen=True)
class JogConfig:
    """Move a robot's arm by the keys of this terminal, while they are held."""

    namespace: str = ""
    """Namespace of the robot's nodes."""
    speed: float = 0.05
    """Speed of the tool; the teleop node cuts it to its own limit [m/s]."""
    turn: float = 0.3
    """Turning speed, likewise [rad/s]."""
    timeout: float = 5.0
    """How long the teleop node may take to appear [s]."""

    def __post_init__(self) -> None:
        check(self, speed=above(0), turn=above(0), timeout=above(0))


@dataclass(frozen=True)
class HomeConfig:
    """Bring a robot's arm to its contract's home, through its safety node."""

    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file."""
    namespace: str = ""
    """Namespace of the robot's nodes."""
    mode: str = ""
    """Command mode of the arm; empty takes the contract's own."""
    timeout: float = 10.0
    """How long the robot may take to appear, and the arm longer than its way should [s]."""

    def __post_init__(self) -> None:
        check(self, timeout=above(0))


@dataclass(frozen=True)
class EstopConfig:
    """Stop a robot's arm; it stays stopped until rearm."""

    namespace: str = ""
    """Namespace of the robot's nodes."""
    keyboard: bool = False
    """Wait for keys: any stops the arm within milliseconds, r frees it, q ends."""
    timeout: float = 5.0
    """How long the safety node may take to answer [s]."""

    def __post_init__(self) -> None:
        check(self, timeout=above(0))


@dataclass(frozen=True)
class RearmConfig:
    """Free an arm that was stopped; it moves once its source begins anew."""

    namespace: str = ""
    """Namespace of the robot's nodes."""
    timeout: float = 5.0
    """How long the safety node may take to answer [s]."""

    def __post_init__(self) -> None:
        check(self, timeout=above(0))
