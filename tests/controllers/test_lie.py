import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from controllers import lie


def vectors(size: int, bound: float) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.float64, size, elements=st.floats(-bound, bound, allow_subnormal=False))


rotvecs = vectors(3, 10.0)
poses = vectors(6, 3.0).map(lie.se3_exp)
angles_below_pi = st.tuples(
    vectors(3, 1.0).filter(lambda v: bool(np.linalg.norm(v) > 1e-3)),
    st.floats(0.0, np.pi - 1e-6),
).map(lambda pair: pair[0] / np.linalg.norm(pair[0]) * pair[1])


@given(rotvecs)
def test_exp_lands_in_so3(rotvec: np.ndarray) -> None:
    rotation = lie.so3_exp(rotvec)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rotation), 1.0, atol=1e-12)


@given(angles_below_pi)
def test_log_inverts_exp_up_to_half_a_turn(rotvec: np.ndarray) -> None:
    np.testing.assert_allclose(lie.so3_log(lie.so3_exp(rotvec)), rotvec, atol=1e-8)
    np.testing.assert_allclose(lie.quat_log(lie.quat_exp(rotvec)), rotvec, atol=1e-8)


@given(vectors(3, 1.0).filter(lambda v: bool(np.linalg.norm(v) > 1e-3)))
def test_log_of_a_half_turn_is_a_half_turn(axis: np.ndarray) -> None:
    rotvec = axis / np.linalg.norm(axis) * np.pi
    back = lie.so3_log(lie.so3_exp(rotvec))
    np.testing.assert_allclose(np.linalg.norm(back), np.pi, atol=1e-7)
    np.testing.assert_allclose(lie.so3_exp(back), lie.so3_exp(rotvec), atol=1e-7)


@given(vectors(3, 1e-7))
def test_small_rotations_keep_their_digits(rotvec: np.ndarray) -> None:
    np.testing.assert_allclose(lie.so3_log(lie.so3_exp(rotvec)), rotvec, rtol=1e-8, atol=1e-30)


@given(rotvecs, rotvecs)
def test_quaternion_product_is_the_matrix_product(left: np.ndarray, right: np.ndarray) -> None:
    product = lie.quat_multiply(lie.quat_exp(left), lie.quat_exp(right))
    expected = lie.so3_exp(left) @ lie.so3_exp(right)
    np.testing.assert_allclose(lie.so3_from_quat(product), expected, atol=1e-12)


@given(rotvecs)
def test_quaternion_and_rot6d_are_bijective(rotvec: np.ndarray) -> None:
    rotation = lie.so3_exp(rotvec)
    quat = lie.quat_from_so3(rotation)
    assert quat[3] >= 0
    np.testing.assert_allclose(np.linalg.norm(quat), 1.0, atol=1e-14)
    np.testing.assert_allclose(lie.so3_from_quat(quat), rotation, atol=1e-12)
    np.testing.assert_allclose(
        lie.so3_from_rot6d(lie.rot6d_from_so3(rotation)), rotation, atol=1e-12
    )


@given(rotvecs, rotvecs)
def test_one_quaternion_is_a_batch_of_one(left: np.ndarray, right: np.ndarray) -> None:
    one, other = lie.quat_exp(left), lie.quat_exp(right)
    product = lie.quat_multiply(one, other)
    for single, batch in (
        (one, lie.quat_exp(left[None])),
        (product, lie.quat_multiply(one[None], other[None])),
        (lie.quat_log(product), lie.quat_log(product[None])),
        (lie.quat_log(-one), lie.quat_log(-one[None])),
    ):
        np.testing.assert_allclose(single, batch[0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("quat", [[0, 0, 0, 1], [0, 0, 0, -1], [1, 0, 0, 0], [0, 1e-160, 0, 1]])
def test_the_rotation_vector_of_a_corner_is_the_same_alone(quat: list[float]) -> None:
    one = np.array(quat, dtype=float)
    np.testing.assert_array_equal(lie.quat_log(one), lie.quat_log(one[None])[0])


def test_quaternions_are_xyzw() -> None:
    quarter_about_z = np.array([0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)])
    turned = lie.so3_from_quat(quarter_about_z) @ np.array([1.0, 0.0, 0.0])
    np.testing.assert_allclose(turned, [0.0, 1.0, 0.0], atol=1e-15)
    np.testing.assert_allclose(lie.quat_exp(np.array([0, 0, np.pi / 2])), quarter_about_z)


@given(vectors(6, 1.5))
def test_rot6d_of_any_two_directions_is_a_rotation(vector: np.ndarray) -> None:
    rotation = lie.so3_from_rot6d(np.array([4.0, 0, 0, 0, 4, 0]) + vector)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-10)
    np.testing.assert_allclose(np.linalg.det(rotation), 1.0, atol=1e-10)


@given(poses, poses, poses)
def test_poses_form_a_group(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    product = a @ b
    np.testing.assert_allclose(product[3], [0, 0, 0, 1], atol=1e-14)
    np.testing.assert_allclose(product[:3, :3] @ product[:3, :3].T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(a @ lie.se3_inverse(a), np.eye(4), atol=1e-11)
    np.testing.assert_allclose(lie.se3_inverse(a) @ a, np.eye(4), atol=1e-11)
    np.testing.assert_allclose((a @ b) @ c, a @ (b @ c), atol=1e-10)


@given(vectors(3, 3.0), angles_below_pi)
def test_pose_log_inverts_exp(linear: np.ndarray, rotvec: np.ndarray) -> None:
    tangent = np.concatenate([linear, rotvec])
    np.testing.assert_allclose(lie.se3_log(lie.se3_exp(tangent)), tangent, atol=1e-6)


@given(vectors(6, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_exp_of_one_twist_is_additive(tangent: np.ndarray, s: float, t: float) -> None:
    together = lie.se3_exp((s + t) * tangent)
    np.testing.assert_allclose(
        lie.se3_exp(s * tangent) @ lie.se3_exp(t * tangent), together, atol=1e-9
    )


@given(poses, vectors(6, 1.0))
def test_adjoint_moves_a_twist_to_another_frame(pose: np.ndarray, tangent: np.ndarray) -> None:
    moved = lie.se3_exp(lie.se3_adjoint(pose) @ tangent)
    np.testing.assert_allclose(moved @ pose, pose @ lie.se3_exp(tangent), atol=1e-9)


@given(poses, poses)
def test_adjoint_is_a_homomorphism(a: np.ndarray, b: np.ndarray) -> None:
    product = lie.se3_adjoint(a) @ lie.se3_adjoint(b)
    np.testing.assert_allclose(lie.se3_adjoint(a @ b), product, atol=1e-9)


@given(poses, poses)
def test_between_is_the_second_pose_seen_from_the_first(a: np.ndarray, b: np.ndarray) -> None:
    np.testing.assert_allclose(a @ lie.se3_between(a, b), b, atol=1e-10)


@given(poses, poses)
def test_pose_error_leads_to_the_target(pose: np.ndarray, target: np.ndarray) -> None:
    error = lie.pose_error(pose, target)
    np.testing.assert_allclose(pose[:3, 3] + error[:3], target[:3, 3], atol=1e-12)
    turned = lie.so3_exp(error[3:]) @ pose[:3, :3]
    np.testing.assert_allclose(turned, target[:3, :3], atol=1e-7)


@given(poses)
def test_pose_vector_is_bijective(pose: np.ndarray) -> None:
    np.testing.assert_allclose(lie.se3_from_vector(lie.vector_from_se3(pose)), pose, atol=1e-12)


def test_a_batch_is_its_elements() -> None:
    rng = np.random.default_rng(0)
    tangents, more = rng.normal(size=(2, 4, 3, 6))
    poses, others = lie.se3_exp(tangents), lie.se3_exp(more)
    batched = {
        "log": lie.se3_log(poses),
        "inverse": lie.se3_inverse(poses),
        "adjoint": lie.se3_adjoint(poses),
        "vector": lie.vector_from_se3(poses),
        "error": lie.pose_error(poses, others),
        "between": lie.se3_between(poses, others),
    }
    i = (2, 1)
    single = {
        "log": lie.se3_log(poses[i]),
        "inverse": lie.se3_inverse(poses[i]),
        "adjoint": lie.se3_adjoint(poses[i]),
        "vector": lie.vector_from_se3(poses[i]),
        "error": lie.pose_error(poses[i], others[i]),
        "between": lie.se3_between(poses[i], others[i]),
    }
    for name, value in batched.items():
        assert value.shape[:2] == (4, 3)
        np.testing.assert_allclose(value[i], single[name], atol=1e-14, err_msg=name)
