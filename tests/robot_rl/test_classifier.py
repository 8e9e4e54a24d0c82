"""A classifier of success: learns from frames, judges episodes, is not fooled by its cameras."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from robot_rl import weights_file
from robot_rl.classifier import ClassifierError, SuccessClassifier
from robot_rl.classifier_frames import Clip, cameras_of, clips_of, hold_out
from robot_rl.classifier_judgement import (
    Scored,
    area_under,
    calibration_error,
    choose_threshold,
    fit_calibration,
    judge_episodes,
    roc,
)
from robot_rl.classifier_network import SuccessNetwork, augmented, shrunk
from robot_rl.classifier_reward import ClassifierReward, ClassifierSettings
from robot_rl.classifier_run import evaluate, train
from robot_rl.classifier_training import train_classifier
from robot_rl.config import ClassifierEvaluateConfig, ClassifierTrainConfig
from robot_rl.env import ArraySpec
from robot_rl.environments import ROBOT, make_env
from robot_rl.episodes import Episodes
from robot_rl.reward import Moments, Rewards
from robot_rl.reward_file import load_rewards
from robot_rl.robot_step import JUDGED
from robot_rl.schema import Schema
from robot_rl.transition import Transition

SIZE, LENGTH, DEEP = 32, 14, 20
FRONT = "images/front"
CROP = (0.25, 0.35, 0.75, 0.85)


def frame(depth: float, rng: np.random.Generator) -> np.ndarray:
    """A peg over a block; success is a tip deeper than ``DEEP``. Shape (SIZE, SIZE, 3)."""
    image = np.full((SIZE, SIZE, 3), 150.0)
    column = 13 + int(rng.integers(3))
    image[24:, 6:26] = (40, 90, 190)
    image[: int(depth) + 4, column : column + 5] = (240, 140, 40)
    return (image + rng.normal(0, 3, image.shape)).clip(0, 255).astype(np.uint8)


def write_episodes(
    path: Path,
    count: int,
    rng: np.random.Generator,
    judged: bool = False,
    env: str = "",
    crop: tuple[float, ...] = (),
) -> Path:
    """Every other episode stops short; ``judged``: the policy sees no pictures, its judge does."""
    front = ArraySpec((SIZE, SIZE, 3), "uint8", 0, 255, crop=crop)
    spec = {"state": ArraySpec((1,)), FRONT: front}
    if judged:
        del spec[FRONT]
    store = Episodes(path, Schema(spec, ArraySpec((1,), low=-1, high=1), 0.05, env))
    nothing, state = np.zeros(1, np.float32), np.zeros(1, np.float32)
    for number in range(count):
        last = DEEP + 6 if number % 2 else DEEP - 3
        depths = np.minimum(np.arange(LENGTH + 1) * 3, last)
        frames = [{"state": state, FRONT: frame(depth, rng)} for depth in depths]
        with store.writer() as writer:
            for t in range(LENGTH):
                won, over = bool(depths[t + 1] > DEEP), t == LENGTH - 1
                ends = (over and won, over and not won)
                before, after = ({key: frames[t + i][key] for key in spec} for i in (0, 1))
                one = Transition(before, after, nothing, nothing, float(ends[0]), *ends)
                extra = {JUDGED + FRONT: frames[t + 1][FRONT]} if judged else {}
                writer.add(replace(one, success=won, step=t, extra=extra))
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A dataset, a classifier trained on it, and what was said."""
    folder = tmp_path_factory.mktemp("classifier")
    data = write_episodes(folder / "data", 16, np.random.default_rng(0))
    config = ClassifierTrainConfig((data,), folder / "peg.classifier", size=SIZE, updates=100)
    said = train(replace(config, batch_size=32), lambda update, loss: None)
    return data, folder / "peg.classifier", said


def moments(image: np.ndarray, stamp: float | None = None) -> Moments:
    return Moments(
        {FRONT: image[None]},
        *(np.zeros((1, 3)), np.eye(3)[None], np.zeros(1), np.zeros(1), np.zeros(1, bool)),
        stamps={} if stamp is None else {FRONT: np.array([stamp])},
    )


class TestTraining:
    def test_it_sees_success_in_episodes_of_others(
        self, trained: tuple[Path, Path, str], tmp_path: Path
    ) -> None:
        _, file, said = trained
        assert "precision 100.0%, recall 100.0%" in said
        others = write_episodes(tmp_path / "others", 10, np.random.default_rng(1))
        told = evaluate(ClassifierEvaluateConfig(file, (others,)))
        assert "5 successful episodes: 5 paid, 0 too early; 5 failed ones: 0 paid" in told

    def test_it_shows_its_curves_and_its_worst_errors(
        self, trained: tuple[Path, Path, str]
    ) -> None:
        folder = trained[1].with_name("peg-plots")
        assert {file.name for file in folder.iterdir()} == {
            "roc.png",
            "reliability.png",
            "worst.png",
        }

    def test_it_is_judged_by_nothing_that_had_a_part_in_it(
        self, trained: tuple[Path, Path, str], tmp_path: Path
    ) -> None:
        data, file, _ = trained
        card = SuccessClassifier.load(file).card
        assert not set(card["learned_from"]) & set(card["judged_by"])
        with pytest.raises(ValueError, match="it has learned from, or was set by, every episode"):
            evaluate(ClassifierEvaluateConfig(file, (data,)))
        others = write_episodes(tmp_path / "others", 6, np.random.default_rng(7))
        told = evaluate(ClassifierEvaluateConfig(file, (data, others)))
        assert "6 episodes; 16 that it has learned from or was set by are left out" in told

    def test_it_is_shown_the_part_of_pictures_that_it_has_learned_from(
        self, trained: tuple[Path, Path, str], tmp_path: Path
    ) -> None:
        data, whole, _ = trained
        cropped = write_episodes(tmp_path / "cropped", 16, np.random.default_rng(0), crop=CROP)
        config = ClassifierTrainConfig((cropped,), tmp_path / "x", size=SIZE, updates=1)
        with pytest.raises(ValueError, match="show other parts of their cameras' pictures"):
            train_classifier(replace(config, datasets=(data, cropped)))
        with pytest.raises(ValueError, match=r"and .*cropped shows .*front.* record with the same"):
            evaluate(ClassifierEvaluateConfig(whole, (cropped,)))
        train_classifier(config)[0].save(config.output)
        rewards = Rewards([ClassifierReward(ClassifierSettings(config.output))])
        rewards.require_crops({"front": CROP})
        with pytest.raises(ValueError, match=r"crop to front:0\.25:0\.35:0\.75:0\.85, beside"):
            rewards.require_crops({})
        with pytest.raises(ValueError, match=r"cropped to .*0\.85.*, and these show whole ones"):
            train_classifier(replace(config, datasets=(data,), encoder=config.output))
        (tmp_path / "rewards.yaml").write_text("- kind: classifier\n  file: x\n")
        shown = {"cameras": "front", "image_size": SIZE, "rewards": str(tmp_path / "rewards.yaml")}
        make_env("reach", crop="front:0.25:0.35:0.75:0.85", **shown).close()
        with pytest.raises(ValueError, match="source classifier has learned from front cropped"):
            make_env("reach", **shown)

    def test_what_its_encoder_has_learned_from_is_never_held_out(
        self, trained: tuple[Path, Path, str], tmp_path: Path
    ) -> None:
        data, file, _ = trained
        known = set(SuccessClassifier.load(file).card["learned_from"])
        more = write_episodes(tmp_path / "more", 8, np.random.default_rng(8))
        config = ClassifierTrainConfig((data, more), tmp_path / "x", size=SIZE, encoder=file)
        again, _ = train_classifier(replace(config, updates=1, batch_size=32))
        assert not known & set(again.card["judged_by"])
        assert known <= set(again.card["learned_from"])

    def test_what_a_person_tells_late_is_not_taken_for_a_failure(self, tmp_path: Path) -> None:
        usual = write_episodes(tmp_path / "usual", 2, np.random.default_rng(0))
        told = write_episodes(tmp_path / "told", 2, np.random.default_rng(0), env=ROBOT)
        (failed, won), (failed_too, won_too) = (
            clips_of((path,), ("front",), SIZE) for path in (usual, told)
        )
        assert (len(failed), len(won), len(failed_too)) == (LENGTH, LENGTH, LENGTH)
        assert won_too.success.all()
        assert won_too.success.sum() == won.success.sum()

    def test_a_file_gives_the_same_scores_and_cannot_be_taken_for_another(
        self, trained: tuple[Path, Path, str], tmp_path: Path
    ) -> None:
        classifier = SuccessClassifier.load(trained[1])
        again = SuccessClassifier.load(classifier.save(tmp_path / "again"))
        images = {"front": frame(26, np.random.default_rng(2))[None]}
        np.testing.assert_array_equal(again.score(images), classifier.score(images))
        assert again.card == classifier.card
        weights_file.write(tmp_path / "policy", {"format": 1}, "")
        with pytest.raises(ClassifierError, match="is no classifier of format 1"):
            SuccessClassifier.load(tmp_path / "policy")

    def test_it_begins_with_the_encoders_of_another(self, trained: tuple[Path, Path, str]) -> None:
        data, file, _ = trained
        config = ClassifierTrainConfig((data,), size=SIZE, updates=2, encoder=file, freeze=True)
        found, _ = train_classifier(config)
        given = SuccessClassifier.load(file).network.encoders.state_dict()
        for name, weights in found.network.encoders.state_dict().items():
            assert torch.equal(weights, given[name])

    def test_a_success_taken_back_is_a_failure_from_then_on(self, tmp_path: Path) -> None:
        store = Episodes(write_episodes(tmp_path, 4, np.random.default_rng(3)))
        store.mistake(-1, "Ann")
        episode = store[-1]
        assert not episode.success.any()
        assert episode.reward.sum() == 0
        assert (episode.terminated[-1], episode.truncated[-1]) == (False, True)
        assert store.metadata()[-1].labels == {"mistaken": "Ann"}
        assert store.info().successes == 1
        assert store.verify() == []
        with pytest.raises(ValueError, match="is no success; nothing to correct"):
            store.mistake(-1)
        with (store.path / "mistaken.jsonl").open("a") as noted:
            noted.write('{"uuid": "cut sho')
        store.mistake(1)
        assert store.info().successes == 0

    def test_of_what_was_learned_it_learns_from_the_mistakes_alone(
        self, trained: tuple[Path, Path, str], tmp_path: Path
    ) -> None:
        learned = write_episodes(tmp_path / "learned", 6, np.random.default_rng(4), judged=True)
        with pytest.raises(ValueError, match="has no camera 'front'; choose from none"):
            cameras_of([trained[0], learned], ["front"])
        store = Episodes(learned)
        store.mistake(3)
        assert cameras_of([trained[0], learned], []) == ("front",)
        [clip] = clips_of([learned], ["front"], SIZE)
        assert (clip.uuid, clip.failed, len(clip)) == (store[3].metadata.uuid, True, LENGTH)
        pictures = np.moveaxis(store[3].extra[JUDGED + FRONT], -1, 1)
        np.testing.assert_array_equal(clip.images["front"].numpy(), pictures)
        assert clip.fresh[1:].all()
        config = ClassifierTrainConfig((trained[0], learned), tmp_path / "new", size=SIZE)
        classifier, _ = train_classifier(replace(config, updates=2, batch_size=32))
        assert clip.uuid in classifier.card["learned_from"]


@pytest.fixture
def judge(trained: tuple[Path, Path, str]) -> Callable[..., tuple[bool, dict[str, float]]]:
    """Judges a frame after the others, with two frames in a row."""
    rewards = Rewards([ClassifierReward(ClassifierSettings(trained[1], frames=2))])

    def one(image: np.ndarray, stamp: float | None = None) -> tuple[bool, dict[str, float]]:
        judgement = rewards.judge(moments(image, stamp), np.array([False]))
        readings = {name: float(value[0]) for name, value in judgement.readings.items()}
        assert judgement.reward[0] == judgement.success[0]
        return bool(judgement.success[0]), readings

    return one


Judging = Callable[..., tuple[bool, dict[str, float]]]


class TestRunTime:
    def test_success_is_some_frames_in_a_row(self, judge: Judging) -> None:
        rng = np.random.default_rng(4)
        paid = [judge(frame(depth, rng))[0] for depth in (3, 26, 3, 26, 26)]
        assert paid == [False, False, False, False, True]

    def test_a_camera_that_shows_the_same_picture_never_pays(self, judge: Judging) -> None:
        image = frame(26, np.random.default_rng(5))
        results = [judge(image) for _ in range(20)]
        assert not any(paid for paid, _ in results)
        assert results[-1][1]["classifier/score"] > 0.5
        assert results[-1][1]["classifier/frozen"] == 19

    def test_nor_does_one_that_repeats_its_stamp(self, judge: Judging) -> None:
        rng = np.random.default_rng(6)
        results = [judge(frame(26, rng), stamp=7.0) for _ in range(20)]
        assert not any(paid for paid, _ in results)
        assert judge(frame(26, rng), stamp=7.1)[1]["classifier/frozen"] == 0

    def test_it_does_what_an_episode_was_judged_by(self, trained: tuple[Path, Path, str]) -> None:
        """Also where frames repeat: the report is about run time."""
        classifier, rng = SuccessClassifier.load(trained[1]), np.random.default_rng(10)
        for _ in range(10):
            frames = [frame(depth, rng) for depth in rng.integers(3, 27, 30)]
            for repeated in rng.integers(1, 30, 6):
                frames[repeated] = frames[repeated - 1]
            images = np.stack(frames)
            fresh = np.r_[True, (images[1:] != images[:-1]).any(axis=(1, 2, 3))]
            scores = classifier.score({"front": images})
            logits = np.log(scores.clip(1e-300)) - np.log1p(-scores.clip(max=1 - 1e-12))
            expected = Scored(logits, np.zeros(30, bool), fresh).payment(classifier.threshold, 2)
            source = ClassifierReward(ClassifierSettings(trained[1], frames=2))
            paid = [bool(source.judge(moments(image)).success[0]) for image in frames]
            assert expected == (paid.index(True) if any(paid) else None)

    @pytest.mark.parametrize("level", [0, 128, 255])
    def test_nor_does_a_covered_one(self, judge: Judging, level: int) -> None:
        rng = np.random.default_rng(7)
        covered = np.full((SIZE, SIZE, 3), level) + rng.normal(0, 4, (20, SIZE, SIZE, 3))
        results = [judge(image) for image in covered.clip(0, 255).astype(np.uint8)]
        assert not any(paid for paid, _ in results)
        assert results[-1][1]["classifier/covered"] == 1

    def test_a_guard_is_where_the_tool_must_be_as_well(
        self, trained: tuple[Path, Path, str], tmp_path: Path
    ) -> None:
        (tmp_path / "rewards.yaml").write_text(
            f"- kind: classifier\n  file: {trained[1]}\n  frames: 2\n"
            "  guard: {lower: [0.4, -0.1, 0.0], upper: [0.6, 0.1, 0.1], opening: [0.5, 1.0]}\n"
        )
        [source] = load_rewards(tmp_path / "rewards.yaml").sources
        rng = np.random.default_rng(11)

        def succeeds(height: float, opening: float = 0.7) -> bool:
            tool = {"tool_position": np.array([[0.5, 0.0, height]]), "opening": np.array([opening])}
            return bool(source.judge(replace(moments(frame(26, rng)), **tool)).success[0])

        assert not any(succeeds(0.2) for _ in range(5))
        assert [succeeds(z) for z in (0.05, 0.2, 0.05, 0.05)] == [False, False, False, True]
        source.forget(np.array([0]))
        assert not any(succeeds(0.05, opening=0.2) for _ in range(5))


def episode(logits: list[float], success: list[int]) -> Scored:
    return Scored(np.array(logits, float), np.array(success, bool), np.ones(len(logits), bool))


class TestJudgement:
    def test_episodes_are_judged_as_at_run_time(self) -> None:
        right = episode([-3, 4, 4, 4], [0, 0, 1, 1])
        early = episode([4, 4, -3, -3], [0, 0, 1, 1])
        false = episode([-3, 4, 4, -3], [0, 0, 0, 0])
        single = episode([-3, 4, -3, 4], [0, 0, 0, 0])
        judged = judge_episodes([right, early, false, single], threshold=0.9, frames=2)
        assert vars(judged) == {"succeeded": 2, "failed": 2, "paid": 1, "early": 1, "false": 1}
        assert judged.precision == pytest.approx(1 / 3)
        assert judged.false_rate == pytest.approx(1 / 2)

    def test_repeated_frames_do_not_count(self) -> None:
        repeated = episode([4, 4, 4], [1, 1, 1])._replace(fresh=np.array([True, False, True]))
        assert repeated.payment(0.9, 2) == 2

    def test_the_threshold_keeps_to_the_rate_and_lies_between_the_two(self) -> None:
        failures = [episode([0, peak, peak], [0, 0, 0]) for peak in (-4, -2, 1, 2)]
        successes = [episode([-4, 4, 4], [0, 1, 1])] * 4
        strict = choose_threshold([*failures, *successes], 2, 0.0)
        lax = choose_threshold([*failures, *successes], 2, 0.125)
        assert strict == pytest.approx(1 / (1 + np.exp(-3)))
        assert lax == pytest.approx(1 / (1 + np.exp(-2.5)))

    def test_calibration_makes_overconfident_and_biased_scores_probabilities(self) -> None:
        rng = np.random.default_rng(8)
        success = rng.random(20_000) < 0.1
        balanced = rng.normal(np.where(success, 1, -1), 1)  # whose odds of success are exp(2 x)
        raw = 3 * 2 * balanced
        temperature, bias = fit_calibration(raw, success)
        assert temperature == pytest.approx(3, rel=0.1)
        chances = 1 / (1 + np.exp(-raw / temperature - bias))
        assert calibration_error(1 / (1 + np.exp(-raw)), success) > 0.1
        assert calibration_error(chances, success) < 0.02

    def test_the_area_under_roc_is_the_chance_to_order_a_pair_rightly(self) -> None:
        logits, success = np.array([3.0, 2.0, 1.0, 0.0]), np.array([True, False, True, False])
        assert area_under(*roc(logits, success)) == pytest.approx(3 / 4)


def clip(scene: str, won: bool) -> Clip:
    return Clip({}, np.array([won]), np.array([True]), f"{scene}-{won}", scene)


def test_scenes_are_held_out_whole() -> None:
    clips = [clip(str(scene), won) for scene in range(10) for won in (True, False)]
    learned, held = hold_out(clips, 0.3, seed=0)
    assert len(held) == 6
    assert not {c.scene for c in learned} & {c.scene for c in held}


def test_mistaken_episodes_are_learned_from_and_take_nobodys_place() -> None:
    clips = [clip(str(scene), won) for scene in range(10) for won in (True, False)]
    mistaken = [replace(clip(f"taken back {n}", won=False), mistaken=True) for n in range(20)]
    learned, held = hold_out([*clips, *mistaken], 0.3, seed=0)
    assert len(held) == 6
    assert all(one in learned for one in mistaken)


def test_held_out_episodes_of_one_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="record more of both: `robot-rl record --near-misses"):
        hold_out([clip(str(scene), True) for scene in range(10)], 0.3, seed=0)


def test_augmentation_moves_and_lights_each_image_otherwise_and_stays_in_range() -> None:
    image = torch.from_numpy(frame(10, np.random.default_rng(9))).permute(2, 0, 1) / 255
    images = augmented(image.expand(8, -1, -1, -1), torch.Generator().manual_seed(0))
    assert images.shape == (8, 3, SIZE, SIZE)
    assert images.min() >= 0
    assert images.max() <= 1
    assert len({float(one.mean()) for one in images}) == 8


def test_images_of_any_size_are_shrunk_to_their_means() -> None:
    image = np.zeros((1, 64, 64, 3), np.uint8)
    image[:, ::2] = 100
    assert shrunk(image, 16).float().mean() == pytest.approx(50, abs=1)
    assert SuccessNetwork(["a"], 16)({"a": torch.zeros(2, 3, 16, 16)}).shape == (2,)
