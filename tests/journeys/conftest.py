import pytest
from demo_server import Demo
from instances import _rest, make_instance, shared, template  # noqa: F401  fixtures


@pytest.fixture(scope="session", autouse=True)
def _stop_the_demo():
    yield
    Demo.stop()


@pytest.fixture(scope="session")
def demo_url():
    """The address of the running demo."""
    return Demo.running()
