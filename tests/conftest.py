"""What holds for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A submission shall not fail for an example that nobody has seen before, nor because the machine was busy:
# new examples are looked for with `make hunt`.
_CALM = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("steady", derandomize=True, **_CALM)
settings.register_profile("hunt", **_CALM)
settings.load_profile("steady")
