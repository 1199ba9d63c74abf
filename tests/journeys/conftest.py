import pytest
from demo_server import Demo


@pytest.fixture(scope="session", autouse=True)
def _stop_the_demo():
    yield
    Demo.stop()


@pytest.fixture(scope="session")
def demo_url():
    """The address of the running demo."""
    return Demo.running()
