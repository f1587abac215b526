"""The tests of the platform on a cluster: `manage_all.py k8s test [--lab]`, after `k8s up [--lab]`.

Without that command nothing says which cluster is meant, and every test here fails and says so: none may look green that
has not run.
"""

import os
from collections.abc import Iterator

import pytest

from launcher.k8s.cluster import Cluster
from tests.k8s.shop import Shop, Shopper

KUBECTL = "KUBECTL"  # the program by which `k8s test` reaches the cluster


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    if KUBECTL not in os.environ:
        pytest.fail("No cluster is named: run these tests by `manage_all.py k8s test [--lab]`.")
    return Cluster(kubectl=os.environ[KUBECTL], is_lab=bool(os.environ.get("IS_LAB")))


@pytest.fixture(scope="session")
def shop(cluster: Cluster) -> Iterator[Shop]:
    with Shop.of(cluster) as found:
        yield found


@pytest.fixture
def alice(shop: Shop) -> Shopper:
    return shop.shopper("alice")
