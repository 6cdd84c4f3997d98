from __future__ import annotations

from service.security.rate_limit import RateLimiter


def test_the_pictures_of_a_session_are_paid_for_by_waiting() -> None:
    now = [0.0]
    rate = RateLimiter(per_minute=60, burst=4, clock=lambda: now[0])
    assert rate.take("clinic") == 0.0
    rate.charge("clinic", 7)
    # Four at once, eight used: five seconds until one is there again.
    assert rate.take("clinic") == 5.0
    assert rate.take("other") == 0.0
    now[0] = 5.0
    assert rate.take("clinic") == 0.0
