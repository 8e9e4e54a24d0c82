"""Sources of reward, alone and together, and the file that lists them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_rl.reward import Moments, Rewards, Verdict
from robot_rl.reward_file import RewardError, load_rewards
from robot_rl.reward_sources import (
    InterventionReward,
    InterventionSettings,
    LabelReward,
    LabelSettings,
    PoseBox,
    PoseBoxSettings,
    TaskReward,
)

BOX = PoseBoxSettings((0.4, -0.1, 0.0), (0.6, 0.1, 0.1), steps=2)
INSIDE, OUTSIDE = (0.5, 0.0, 0.05), (0.5, 0.0, 0.2)
NOT_LAST = np.array([False])


def moments(*tools: Sequence[float], **changes: Any) -> Moments:
    count = len(tools)
    plain = Moments(
        observation={},
        tool_position=np.array(tools, float),
        tool_rotation=np.tile(np.eye(3), (count, 1, 1)),
        opening=np.zeros(count),
        elapsed=np.zeros(count, np.int64),
        intervened=np.zeros(count, bool),
    )
    return replace(plain, **changes)


def truth(won: bool, **terms: float) -> Verdict:
    paid = {name: np.array([value]) for name, value in terms.items()}
    return Verdict(np.array([won]), np.array([False]), paid)


class TestPoseBox:
    def test_success_is_a_tool_that_stays_in_it_for_some_steps_in_each_world(self) -> None:
        box = PoseBox(BOX, 2)
        where = [(INSIDE, INSIDE), (INSIDE, OUTSIDE), (INSIDE, INSIDE)]
        said = [box.judge(moments(*tools)).success.tolist() for tools in where]
        assert said == [[False, False], [True, False], [True, False]]

    def test_a_new_episode_counts_from_0(self) -> None:
        box = PoseBox(BOX, 1)
        box.judge(moments(INSIDE))
        box.forget(np.array([0]))
        assert not box.judge(moments(INSIDE)).success[0]

    def test_the_gripper_counts_too(self) -> None:
        box = PoseBox(replace(BOX, opening=(0.5, 1.0), steps=1), 1)
        assert not box.judge(moments(INSIDE)).success[0]
        assert box.judge(moments(INSIDE, opening=np.array([0.7]))).success[0]


class TestIntervention:
    def test_the_environment_pays_nothing_for_it(self) -> None:
        rewards = Rewards([InterventionReward(InterventionSettings(cost=0.5), 2)], 2)
        taken = moments(INSIDE, INSIDE, intervened=np.array([True, False]))
        judgement = rewards.judge(taken, np.zeros(2, bool))
        assert {name: term.tolist() for name, term in judgement.terms.items()} == {
            "success": [0, 0],
            "intervention": [0, 0],
        }
        assert not judgement.terminated.any()

    def test_its_cost_stands_beside_the_range_of_what_others_pay(self) -> None:
        taken = InterventionReward(InterventionSettings(cost=0.5, name="helped"))
        rewards = Rewards([PoseBox(BOX), taken])
        assert rewards.takeover_costs == {"helped": 0.5}
        assert rewards.return_range(task_sparse=False) == (0.0, 1.0)
        assert Rewards([taken, TaskReward()]).return_range(task_sparse=False) is None
        assert Rewards([PoseBox(BOX)]).takeover_costs == {}


class TestTogether:
    def test_the_success_of_two_is_paid_once_and_other_terms_add_up(self) -> None:
        rewards = Rewards([TaskReward(), PoseBox(replace(BOX, steps=1))])
        seen = moments(INSIDE, task=truth(True, success=1.0, approach=0.25))
        judgement = rewards.judge(seen, NOT_LAST)
        assert judgement.terms == {"success": 1.0, "approach": 0.25}
        assert judgement.reward == pytest.approx(1.25)
        assert judgement.terminated[0]
        assert judgement.readings["pose_box/steps"] == 1

    def test_lingering_success_is_paid_when_it_has_lasted(self) -> None:
        rewards = Rewards([TaskReward()], linger=2)
        won = moments(INSIDE, task=truth(True, success=1.0))
        lost = moments(INSIDE, task=truth(False, success=0.0))
        judged = [rewards.judge(m, NOT_LAST) for m in (won, lost, won, won, won)]
        assert [bool(j.success[0]) for j in judged] == [True, False, True, True, True]
        assert [bool(j.terminated[0]) for j in judged] == [False] * 4 + [True]
        assert [float(j.reward[0]) for j in judged] == [0, 0, 0, 0, 1]

    def test_success_in_the_last_step_counts_without_lingering(self) -> None:
        rewards = Rewards([TaskReward()], linger=5)
        judgement = rewards.judge(moments(INSIDE, task=truth(True, success=1.0)), np.array([True]))
        assert judgement.terminated[0]
        assert judgement.reward[0] == 1

    def test_a_persons_failure_ends_the_episode_unpaid(self) -> None:
        rewards = Rewards([LabelReward(LabelSettings())])
        quiet = rewards.judge(moments(INSIDE), NOT_LAST)
        failed = rewards.judge(moments(INSIDE, label=False), NOT_LAST)
        assert (quiet.terminated[0], failed.terminated[0]) == (False, True)
        assert (failed.reward[0], failed.success[0]) == (0, False)

    def test_a_persons_failure_outweighs_what_another_takes_for_success(self) -> None:
        rewards = Rewards([LabelReward(LabelSettings()), TaskReward()])
        wrong = moments(INSIDE, label=False, task=truth(True, success=1.0))
        judged = rewards.judge(wrong, NOT_LAST)
        assert (judged.reward[0], judged.success[0], judged.terminated[0]) == (0, False, True)

    def test_a_persons_success_lingers_so_that_frames_of_it_are_recorded(self) -> None:
        rewards = Rewards([LabelReward(LabelSettings())], linger=2)
        said = [moments(INSIDE, label=label) for label in (None, True, None, None)]
        judged = [rewards.judge(seen, NOT_LAST) for seen in said]
        assert [bool(j.success[0]) for j in judged] == [False, True, True, True]
        assert [float(j.reward[0]) for j in judged] == [0, 0, 0, 1]
        rewards.forget(np.array([0]))
        assert not rewards.judge(moments(INSIDE), NOT_LAST).success[0]

    def test_only_success_alone_has_a_known_range_of_returns(self) -> None:
        box = PoseBox(BOX)
        assert Rewards([box]).return_range(task_sparse=False) == (0.0, 1.0)
        assert Rewards([box, TaskReward()]).return_range(task_sparse=False) is None
        assert Rewards([]).return_range(task_sparse=True) is None


class TestFile:
    def test_it_lists_sources(self, tmp_path: Path) -> None:
        (tmp_path / "rewards.yaml").write_text(
            "- kind: label\n- kind: pose_box\n  lower: [0, 0, 0]\n  upper: [1, 1, 1.5]\n"
        )
        rewards = load_rewards(tmp_path / "rewards.yaml")
        assert [source.name for source in rewards.sources] == ["label", "pose_box"]

    def test_a_source_of_ones_own_is_made_by_its_address(self, tmp_path: Path) -> None:
        address = "robot_rl.reward_sources:LabelReward,LabelSettings"
        (tmp_path / "rewards.yaml").write_text(f'- kind: "{address}"\n  name: mine\n')
        assert load_rewards(tmp_path / "rewards.yaml").sources[0].name == "mine"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                "- kind: pose",
                r"r\.yaml\[0\]\.kind is 'pose' \(did you mean 'pose_box'.*choose task",
            ),
            ("- label", r"r\.yaml\[0\] is 'label'; give it a kind: task, pose_box"),
            ("kind: label", "give a list"),
            ("- kind: label\n  nam: x", r"r\.yaml\[0\] has no field 'nam' \(did you mean 'name'"),
            ("- kind: pose_box\n  lower: [0, 0, 0]", r"r\.yaml\[0\] lacks upper"),
            (
                "- kind: pose_box\n  lower: [0, 0, 0]\n  upper: [1, 1, high]",
                r"upper\[2\] is 'high'; give a number",
            ),
            (
                "- kind: intervention\n  cost: -1",
                r"r\.yaml\[0\]: cost is -1\.0; give a number above 0",
            ),
            ("- kind: intervention\n  costs: 2", r"has no field 'costs' \(did you mean 'cost'"),
            ("- kind: label\n- kind: label", "two reward sources are called 'label'"),
            ("- kind: nowhere:A,B", "No module named 'nowhere'"),
            (
                "- kind: classifier\n  file: no.classifier",
                r"no classifier .*no\.classifier; .*train",
            ),
            ("- {kind", "is no YAML that can be read"),
        ],
    )
    def test_what_does_not_fit_is_named_with_the_choices(
        self, tmp_path: Path, text: str, said: str
    ) -> None:
        (tmp_path / "r.yaml").write_text(text)
        with pytest.raises(RewardError, match=said):
            load_rewards(tmp_path / "r.yaml")
