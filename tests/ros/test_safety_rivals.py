"""Two who want the arm: on its command topic, and on the topic of requests."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from std_msgs.msg import Float64MultiArray

from controllers.reason import Reason
from tests.ros.conftest import Graph, wait_for
from tests.ros.safety_rig import Rig, Source, longest_step, told, values_of

pytestmark = pytest.mark.domain(38)
RIVALS = 5


def said(diagnostics: list[Any], node: str) -> str:
    """What a node has said of itself last."""
    found = [s for array in diagnostics[-6:] for s in array.status if s.name == node]
    return found[-1].message if found else ""


def test_beside_another_publisher_of_commands_nothing_is_sent(graph: Graph) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics")
    with Rig(graph) as rig:
        rig.policy()
        times = []
        for i in range(RIVALS):
            came = rig.now()
            rival = graph.node.create_publisher(Float64MultiArray, "arm/commands", 1)
            report = rig.report(came, lambda r: bool(r.reasons & Reason.CONTESTED), "silence")
            times.append(report.stamp - came)
            assert np.isnan(report.sent).all()
            rig.report(report.stamp + 0.2, lambda r: True, "reports")
            assert rig.commands_since(report.stamp + 0.01) == []
            if i == 0:
                for node in ("/safety", "/arm"):
                    wait_for(lambda n=node: "2 publishers" in said(diagnostics, n), node)
                # A publisher may be found before the name of its node is.
                wait_for(lambda: "/test" in said(diagnostics, "/safety"), "the rival's name")
            gone = rig.now()
            graph.node.destroy_publisher(rival)
            rig.follows(gone)
        print(told("from another publisher to silence", times))
        assert max(times) < 1.0
        assert longest_step(rig.commands) <= 1 + 1e-9


def test_a_rival_is_seen_on_the_topic_that_commands_go_to(graph: Graph) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics")
    graph.listen(Float64MultiArray, "elsewhere")
    graph.start("safety_node", "arm/commands:=elsewhere", watch_cameras=False)
    graph.node.create_publisher(Float64MultiArray, "elsewhere", 1)
    wait_for(lambda: "2 publishers on /elsewhere" in said(diagnostics, "/safety"), "a complaint")


def torn(rig: Rig, targets: list[np.ndarray]) -> float:
    """How far the arm is from the nearest of the places where somebody wants it [rad]."""
    q = rig.stands(rig.now())
    return min(float(np.abs(q - target).max()) for target in targets)


def test_an_arm_follows_one_of_two_senders_that_speak_at_the_same_moment(graph: Graph) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics")
    with Rig(graph) as rig:
        here = rig.stands(0.0)
        targets = [here + 0.05, here - 0.2]
        senders = [
            graph.node.create_publisher(Float64MultiArray, "arm/commands", 1) for _ in targets
        ]
        for sender in senders:
            wait_for(sender.get_subscription_count, "the arm")

        def send() -> None:
            for sender, target in zip(senders, targets, strict=True):
                sender.publish(Float64MultiArray(data=target.tolist()))

        graph.node.create_timer(0.01, send)
        wait_for(lambda: values_of(diagnostics, "/arm", "arm/strange") > 50, "strange commands")
        assert torn(rig, targets) < 0.01


def test_one_of_two_policies_is_followed(graph: Graph) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics")
    why = "ignored/another source commands"
    with Rig(graph) as rig:
        here = rig.stands(0.0)
        targets = [here + 0.05, here - 0.05]
        for target in targets:
            source = Source(rig)
            source.heard()
            source.target = target
        wait_for(lambda: values_of(diagnostics, "/safety", why) > 20, "requests left out")
        assert torn(rig, targets) < 0.01
