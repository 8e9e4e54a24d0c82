"""Images that hold the last frames hold those of their own episode, in every world."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.check_env import check_env
from robot_rl.env import ArraySpec, Closing, Info, Step
from robot_rl.environments import make_env
from robot_rl.frame_stack import FrameStack


class Counting(Closing):
    """Each pixel counts the steps of its episode; world 1 ends after three steps."""

    num_envs, dt = 2, 0.1
    observation_spec = {  # noqa: RUF012
        "state": ArraySpec((1,)),
        "images/front": ArraySpec((4, 5, 2), "uint8", 0, 255),
    }
    action_spec = ArraySpec((1,), low=-1, high=1)

    def reset(self, seed: int | None = None) -> Step:
        self.age = np.array([10, 20])
        return self._step(np.zeros(2, bool))

    def step(self, action: np.ndarray) -> Step:
        self.age += 1
        return self._step(self.age == 23)

    def close(self) -> None: ...

    def _step(self, done: np.ndarray) -> Step:
        final = self._seen()
        self.age = np.where(done, 20, self.age)
        info = {Info.FINAL_OBSERVATION: final}
        return Step(self._seen(), np.zeros(2, np.float32), np.zeros(2, bool), done, info)

    def _seen(self) -> dict[str, np.ndarray]:
        image = np.ones((2, 4, 5, 2), np.uint8) * self.age[:, None, None, None].astype(np.uint8)
        image[..., 1] += 100
        return {"state": self.age[:, None].astype(np.float32), "images/front": image}


def _frames(image: np.ndarray) -> list[list[int]]:
    assert image.shape == (2, 4, 5, 6)
    assert (image == image[:, :1, :1]).all()
    return image[:, 0, 0].tolist()


def test_an_image_holds_the_last_frames_of_its_episode_the_newest_last() -> None:
    env = FrameStack(Counting(), 3)
    assert env.observation_spec["images/front"].shape == (4, 5, 6)
    key, action = "images/front", np.zeros((2, 1), np.float32)
    first = env.reset()
    assert _frames(first.observation[key]) == [
        [10, 110, 10, 110, 10, 110],
        [20, 120, 20, 120, 20, 120],
    ]
    env.step(action)
    before = env.step(action)
    assert _frames(before.observation[key])[1] == [20, 120, 21, 121, 22, 122]
    ended = env.step(action)
    assert _frames(ended.observation[key]) == [
        [11, 111, 12, 112, 13, 113],
        [20, 120, 20, 120, 20, 120],
    ]
    assert _frames(ended.final_observation[key])[1] == [21, 121, 22, 122, 23, 123]
    assert _frames(before.observation[key])[1] == [20, 120, 21, 121, 22, 122]
    np.testing.assert_array_equal(ended.observation["state"], [[13], [20]])


def test_the_contract_is_kept() -> None:
    options = {"cameras": ("front",), "image_size": 32, "frame_stack": 3, "action_history": 1}
    check_env(lambda: make_env("reach", 2, **options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frame_stack": -1, "cameras": ("front",)}, "frame_stack is -1; give at least 1"),
        ({"frame_stack": 3}, "frame_stack needs images, e.g. cameras=front; there are state"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_env("reach", **options)
