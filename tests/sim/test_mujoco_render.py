"""Every renderer sees the same scene; the choice among them is sound and explains itself."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mujoco
import numpy as np
import pytest

import sim
from sim.mujoco_render import BACKENDS, CameraRenderer

WIDTH, HEIGHT = 160, 96
SCENE = """
<mujoco>
  <visual><headlight ambient="0.4 0.4 0.4"/></visual>
  <worldbody>
    <light pos="0 0 3" dir="0.2 0.1 -1"/>
    <geom type="plane" size="1 1 1" rgba="0.3 0.3 0.3 1"/>
    <geom type="capsule" fromto="-0.4 -0.2 0.1 -0.4 0.2 0.1" size="0.05" rgba="0.1 0.2 0.9 1"/>
    <body name="ball" pos="0.25 -0.1 0.3">
      <freejoint/>
      <geom name="ball" size="0.06" rgba="1 0.05 0.05 1"/>
    </body>
    <camera name="slanted" pos="1.3 -0.9 1.1" xyaxes="0.6 0.8 0 -0.5 0.4 0.8" fovy="50"/>
    <camera name="above" pos="0 0 2" fovy="40"/>
  </worldbody>
</mujoco>
"""
RAY = """
import sys
import mujoco, numpy as np
from sim.mujoco_render import CameraRenderer
model = mujoco.MjModel.from_xml_string(sys.argv[2])
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
width, height = map(int, sys.argv[3:])
with CameraRenderer(model, width, height, sys.argv[1]) as renderer:
    for camera in range(model.ncam):
        depth = renderer.depth(model, data, camera)
        assert depth.shape == (height, width), depth.shape
        focal = height / 2 / np.tan(np.radians(model.cam_fovy[camera]) / 2)
        axes, error = data.cam_xmat[camera].reshape(3, 3), []
        for row, column in np.random.default_rng(0).integers(0, (height, width), (300, 2)):
            aside = np.array([column + 0.5 - width / 2, height / 2 - row - 0.5]) / focal
            ray = np.array([*aside, -1])
            length = np.linalg.norm(ray)
            hit = mujoco.mj_ray(model, data, data.cam_xpos[camera], axes @ ray / length,
                                None, 1, -1, np.zeros(1, np.int32))
            if hit > 0:
                error.append(abs(depth[row, column] / (hit / length) - 1))
        print(len(error), np.quantile(error, [0.5, 0.95]))
        assert len(error) > 100 and np.median(error) < 2e-3 and np.quantile(error, 0.95) < 0.01
"""
PICTURES = """
import json, sys
import mujoco, numpy as np
from sim.mujoco_render import CameraRenderer
model = mujoco.MjModel.from_xml_string(sys.argv[2])
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
with CameraRenderer(model, int(sys.argv[3]), int(sys.argv[4]), sys.argv[1]) as renderer:
    images = [renderer.render(model, data, camera).tolist() for camera in range(model.ncam)]
    print(json.dumps([renderer.backend, renderer.reason, images]))
"""


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(SCENE)


@pytest.fixture(scope="module")
def data(model: mujoco.MjModel) -> mujoco.MjData:
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return data


@pytest.fixture(scope="module", params=["auto", "tinyrenderer"])
def renderer(request: pytest.FixtureRequest, model: mujoco.MjModel) -> Iterator[CameraRenderer]:
    with CameraRenderer(model, WIDTH, HEIGHT, request.param) as renderer:
        yield renderer


def _run(
    backend: str, script: str = PICTURES, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Renders in a process of its own, as a process has one OpenGL backend only."""
    inherited = {k: v for k, v in os.environ.items() if k not in ("MUJOCO_GL", "PYOPENGL_PLATFORM")}
    return subprocess.run(
        [sys.executable, "-c", script, backend, SCENE, str(WIDTH), str(HEIGHT)],
        env=inherited | environment,
        cwd=Path(sim.__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )


def _pictures(backend: str, **environment: str) -> tuple[str, str, np.ndarray]:
    """Backend, reason and images; skips where this machine has no such backend."""
    run = _run(backend, **environment)
    if "no renderer works here" in run.stderr:
        pytest.skip(run.stderr.splitlines()[-1])
    assert run.returncode == 0, run.stderr
    name, reason, images = json.loads(run.stdout.splitlines()[-1])
    return name, reason, np.array(images, np.uint8)


@pytest.mark.parametrize("backend", ["egl", "osmesa", "tinyrenderer"])
def test_every_backend_measures_the_distance_that_a_ray_goes(backend: str) -> None:
    run = _run(backend, RAY)
    if "no renderer works here" in run.stderr:
        pytest.skip(run.stderr.splitlines()[-1])
    assert run.returncode == 0, run.stdout + run.stderr


def _ball_pixels(image: np.ndarray) -> np.ndarray:
    """Row and column of each red pixel. Shape (pixels, 2)."""
    red, green, blue = image.astype(int).transpose(2, 0, 1)
    return np.argwhere((red > 60) & (red > 3 * green) & (red > 3 * blue))


def _projected(model: mujoco.MjModel, data: mujoco.MjData, camera: int) -> np.ndarray:
    """Row and column where a pinhole camera has the ball's centre."""
    ball = data.body("ball").xpos - data.cam_xpos[camera]
    x, y, z = data.cam_xmat[camera].reshape(3, 3).T @ ball
    focal = HEIGHT / 2 / np.tan(np.radians(model.cam_fovy[camera]) / 2)
    return np.array([HEIGHT / 2 + focal * y / z, WIDTH / 2 - focal * x / z]) - 0.5


@pytest.mark.parametrize("backend", ["egl", "osmesa", "tinyrenderer"])
def test_every_backend_shows_the_ball_where_a_pinhole_camera_has_it(
    backend: str, model: mujoco.MjModel, data: mujoco.MjData
) -> None:
    name, reason, images = _pictures(backend)
    assert (name, reason) == (backend, f"{backend}: asked for by backend='{backend}'")
    for camera, image in enumerate(images):
        pixels = _ball_pixels(image)
        centre = (pixels.min(axis=0) + pixels.max(axis=0)) / 2
        np.testing.assert_allclose(centre, _projected(model, data, camera), atol=0.75)


def test_the_picture_follows_the_values_of_the_model(
    renderer: CameraRenderer, model: mujoco.MjModel, data: mujoco.MjData
) -> None:
    """Twice the radius is four times the area; a camera moved left shows the ball further right."""
    before = _ball_pixels(renderer.render(model, data, "above"))
    other = mujoco.MjModel.from_xml_string(SCENE)
    other.geom("ball").size[:] *= 2
    other.cam_pos[1, 0] -= 0.1
    moved = mujoco.MjData(other)
    mujoco.mj_forward(other, moved)
    after = _ball_pixels(renderer.render(other, moved, "above"))
    assert len(after) == pytest.approx(4 * len(before), rel=0.2)
    assert after.mean(axis=0)[1] > before.mean(axis=0)[1] + 2
    np.testing.assert_array_equal(_ball_pixels(renderer.render(model, data, "above")), before)


def test_what_has_no_opacity_is_not_seen(
    renderer: CameraRenderer, model: mujoco.MjModel, data: mujoco.MjData
) -> None:
    other = mujoco.MjModel.from_xml_string(SCENE)
    other.geom("ball").rgba[3] = 0
    assert len(_ball_pixels(renderer.render(other, data, "above"))) == 0
    assert len(_ball_pixels(renderer.render(model, data, "above"))) > 0


def test_two_renderers_at_work_do_not_mix(
    renderer: CameraRenderer, model: mujoco.MjModel, data: mujoco.MjData
) -> None:
    alone = renderer.render(model, data, 0)
    with CameraRenderer(model, 64, 64, renderer.backend, quality="video") as second:
        assert second.render(model, data, 0).shape == (64, 64, 3)
        np.testing.assert_array_equal(renderer.render(model, data, 0), alone)
    np.testing.assert_array_equal(renderer.render(model, data, 0), alone)


def test_pictures_are_copies(
    renderer: CameraRenderer, model: mujoco.MjModel, data: mujoco.MjData
) -> None:
    first = renderer.render(model, data, 0)
    kept = first.copy()
    renderer.render(model, data, 1)
    np.testing.assert_array_equal(first, kept)


def test_an_unknown_camera_is_answered_with_those_there_are(
    renderer: CameraRenderer, model: mujoco.MjModel, data: mujoco.MjData
) -> None:
    for camera in ("wrist", 2, -1):
        with pytest.raises(ValueError, match=f"no camera {camera!r}; the model has slanted, above"):
            renderer.render(model, data, camera)


def test_a_closed_renderer_says_so(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    renderer = CameraRenderer(model, 32, 32, "tinyrenderer")
    renderer.close()
    renderer.close()
    with pytest.raises(RuntimeError, match="the renderer is closed; make a new CameraRenderer"):
        renderer.render(model, data, 0)


def test_an_unknown_backend_is_answered_with_those_there_are(model: mujoco.MjModel) -> None:
    with pytest.raises(ValueError, match=f"no backend 'vulkan'; choose from auto, {BACKENDS[0]}"):
        CameraRenderer(model, backend="vulkan")


def test_auto_passes_over_a_backend_that_fails_and_says_why() -> None:
    name, reason, images = _pictures("auto", MUJOCO_EGL_DEVICE_ID="99")
    assert name in ("osmesa", "tinyrenderer")
    assert reason.startswith(f"{name}: egl failed (")
    assert len(_ball_pixels(images[0])) > 0


def test_a_renderer_left_open_ends_quietly() -> None:
    left_open = PICTURES.replace("with ", "renderer = ").replace(" as renderer:", "\nif True:")
    run = subprocess.run(
        [sys.executable, "-c", left_open, "auto", SCENE, str(WIDTH), str(HEIGHT)],
        cwd=Path(sim.__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0
    assert "Exception ignored" not in run.stderr


@pytest.mark.parametrize("chosen", ["egl", "osmesa"])
def test_the_choice_in_mujoco_gl_is_honoured(chosen: str) -> None:
    _pictures(chosen)  # Skips without it: MuJoCo itself does not load where the choice is missing.
    name, reason, _ = _pictures("auto", MUJOCO_GL=chosen)
    assert (name, reason) == (chosen, f"{chosen}: asked for by MUJOCO_GL={chosen}")


def test_without_opengl_there_is_tinyrenderer() -> None:
    name, reason, _ = _pictures("auto", MUJOCO_GL="disable")
    assert (name, reason) == ("tinyrenderer", "tinyrenderer: MUJOCO_GL=disable rules OpenGL out")


def test_when_nothing_works_the_answer_is_what_to_install(tmp_path: Path) -> None:
    """A module of that name that does not import hides PyBullet."""
    (tmp_path / "pybullet.py").write_text("raise ImportError")
    run = _run("auto", MUJOCO_EGL_DEVICE_ID="99", MUJOCO_GL="egl", PYTHONPATH=str(tmp_path))
    lines = run.stderr.splitlines()[-2:]
    assert lines[0] == "RuntimeError: no renderer works here (asked for by MUJOCO_GL=egl):"
    assert lines[1].startswith("  egl: ")
    assert lines[1].endswith(" -> apt install libegl1 libopengl0 libgl1-mesa-dri")
    run = _run("auto", MUJOCO_GL="disable", PYTHONPATH=str(tmp_path))
    assert run.stderr.splitlines()[-2:] == [
        "RuntimeError: no renderer works here (MUJOCO_GL=disable rules OpenGL out):",
        "  tinyrenderer: ImportError: rendering without OpenGL needs PyBullet; "
        "install it with: pip install pybullet",
    ]
