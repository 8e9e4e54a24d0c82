"""What a twin reports is late, noisy and off by what its profile says; the truth is beside it."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from sim.gap import GapProfile, gap_profile
from sim.peg_insert import PegInsert
from sim.pick_cube import PickCube
from sim.reach import Reach
from sim.task import Task

pytest.importorskip("pybullet")

from sim.twin import Twin

MakeTwin = Callable[..., Twin]


@pytest.fixture
def make_twin() -> Iterator[MakeTwin]:
    """Makes twins that are closed after the test."""
    twins: list[Twin] = []

    def make(task: Task | None = None, **gap: Any) -> Twin:
        twins.append(Twin(task or Reach(), GapProfile("test", **gap)))
        return twins[-1]

    yield make
    for twin in twins:
        twin.close()


def _moved(twin: Twin) -> np.ndarray:
    """A target away from where the arm is."""
    return twin.state().q + np.array([0.2, 0.1, -0.1, 0.1, 0.2, 0.1, 0.3, 0, 0])


class TestTime:
    def test_passes_in_advance_only(self, make_twin: MakeTwin) -> None:
        twin = make_twin()
        twin.command(_moved(twin))
        assert twin.time == 0
        twin.advance(0.05)
        assert twin.time == pytest.approx(0.05)
        twin.reset()
        assert twin.time == pytest.approx(0.05)

    @pytest.mark.parametrize("ticks", [0, 1, 7])
    def test_commands_reach_the_servos_late_to_the_tick(
        self, make_twin: MakeTwin, ticks: int
    ) -> None:
        twin = make_twin(action_delay=ticks * 0.002)
        start = twin.state().q
        twin.command(_moved(twin))
        twin.advance(ticks * twin.dt)
        np.testing.assert_allclose(twin.worlds().twist, 0, atol=1e-9)
        twin.advance(twin.dt)
        assert np.abs(twin.state().q - start).max() > 1e-6

    @pytest.mark.parametrize("ticks", [0, 1, 9])
    def test_states_are_late_to_the_tick(self, make_twin: MakeTwin, ticks: int) -> None:
        prompt, late = make_twin(), make_twin(observation_delay=ticks * 0.002)
        for twin in (prompt, late):
            twin.command(_moved(twin))
            twin.advance(0.04)
        late.advance(ticks * late.dt)
        for now, then in zip(prompt.state(), late.state(), strict=True):
            np.testing.assert_allclose(then, now, rtol=1e-12)
        assert late.time - late.state().stamp == pytest.approx(ticks * 0.002)

    def test_before_an_episode_the_arm_stood_there(self, make_twin: MakeTwin) -> None:
        twin = make_twin(observation_delay=0.04)
        start = twin.state().q
        twin.command(_moved(twin))
        twin.advance(0.03)
        state = twin.state()
        assert state.stamp == pytest.approx(-0.01)
        np.testing.assert_array_equal(state.q, start)

    def test_pictures_are_late_as_states_are(self, make_twin: MakeTwin) -> None:
        prompt, late = make_twin(), make_twin(observation_delay=0.02)
        for twin in (prompt, late):
            twin.command(_moved(twin))
            twin.advance(0.1)
        late.advance(0.02)
        for camera in ("front", "wrist"):
            now, then = (twin.image(camera, (48, 32)) for twin in (prompt, late))
            np.testing.assert_array_equal(then.pixels, now.pixels)
            assert then.stamp == pytest.approx(now.stamp)
        assert (late.picture("front", (48, 32)) != prompt.picture("front", (48, 32))).any()


class TestNoise:
    def test_of_joints_has_the_stated_size(self, make_twin: MakeTwin) -> None:
        error = self._errors(make_twin(joint_noise=1e-3), "q", 300)
        np.testing.assert_allclose(error[:, :7].std(axis=0), 1e-3, rtol=0.2)
        np.testing.assert_allclose(error[:, 7:], 0, atol=1e-9)

    def test_of_the_force_has_the_stated_size(self, make_twin: MakeTwin) -> None:
        error = self._errors(make_twin(force_noise=2.0), "wrench", 300)
        expected = [2.0] * 3 + [0.2] * 3
        np.testing.assert_allclose(error.std(axis=0), expected, rtol=0.2)

    def test_does_not_change_while_time_stands_still(self, make_twin: MakeTwin) -> None:
        twin = make_twin(joint_noise=1e-3, pixel_noise=5.0)
        np.testing.assert_array_equal(twin.state().q, twin.state().q)
        first, second = (twin.image("front", (32, 32)).pixels for _ in range(2))
        np.testing.assert_array_equal(first, second)

    def _errors(self, twin: Twin, field: str, count: int) -> np.ndarray:
        """What is reported of an arm that stands still, less its mean. Shape (count, n)."""
        reports = []
        for _ in range(count):
            twin.advance(twin.dt)
            reports.append(getattr(twin.state(), field))
        return np.array(reports) - np.mean(reports, axis=0)


class TestForce:
    def test_at_rest_nothing_is_felt(self, make_twin: MakeTwin) -> None:
        twin = make_twin()
        twin.advance(0.2)
        np.testing.assert_allclose(twin.state().wrench[:3], 0, atol=1e-3)

    def test_a_payload_pulls_the_hand_down_by_its_weight(self, make_twin: MakeTwin) -> None:
        twin = make_twin(payload=0.2)
        twin.advance(1.5)
        np.testing.assert_allclose(twin.state().wrench[:3], [0, 0, -0.2 * 9.81], atol=0.01)

    def test_is_the_mean_of_a_policy_step(self, make_twin: MakeTwin) -> None:
        """A tick after the payload begins to hang, a 25th of its weight is felt."""
        twin = make_twin(payload=0.2)
        twin.advance(twin.dt)
        first = twin.state().wrench[2]
        assert -0.2 * 9.81 / 25 * 1.2 < first < 0


class TestEpisodes:
    def test_the_same_seed_gives_the_same_to_the_bit(self, make_twin: MakeTwin) -> None:
        twin, seen = Twin(PickCube(), gap_profile("lab-2")), []
        with twin:
            for _ in range(2):
                twin.reset(7)
                twin.command(_moved(twin))
                twin.advance(0.3)
                seen.append((*twin.state()[1:], twin.image("front", (32, 32)).pixels))
                twin.advance(0.3)
        for first, second in zip(*seen, strict=True):
            np.testing.assert_array_equal(first, second)

    def test_a_given_draw_is_what_stands_there(self, make_twin: MakeTwin) -> None:
        twin = make_twin(PickCube())
        draw = twin.task.draw(np.random.default_rng(5), 1)
        twin.reset(draw)
        worlds = twin.worlds()
        np.testing.assert_allclose(worlds.bodies["cube"][0, :3], draw["cube_position"][0])
        np.testing.assert_allclose(worlds.tool_position, draw["tool_position"], atol=1e-6)
        np.testing.assert_allclose(worlds.tool_yaw, draw["tool_yaw"], atol=1e-6)

    def test_success_is_the_tasks(self, make_twin: MakeTwin) -> None:
        twin = make_twin(Reach())
        draw = twin.task.draw(np.random.default_rng(5), 1)
        twin.reset(draw)
        assert not twin.success()
        twin.reset(draw | {"goal": draw["tool_position"]})
        assert twin.success()

    def test_a_command_of_the_last_episode_is_forgotten(self, make_twin: MakeTwin) -> None:
        twin = make_twin(action_delay=0.1)
        twin.command(_moved(twin))
        twin.reset()
        start = twin.state().q
        twin.advance(0.3)
        np.testing.assert_allclose(twin.state().q, start, atol=1e-6)


@pytest.mark.parametrize("target", [np.zeros(7), np.full(9, np.nan)])
def test_a_command_that_is_none_is_refused(make_twin: MakeTwin, target: np.ndarray) -> None:
    with pytest.raises(ValueError, match="is not 9 finite numbers; send the targets of 7 joints"):
        make_twin(PegInsert()).command(target)


def test_close_can_be_repeated(make_twin: MakeTwin) -> None:
    twin = make_twin()
    twin.image("front", (16, 16))
    twin.close()
    twin.close()
