"""Tasks of every plugin whose tasks are custom resources of Kubernetes, with what each can be told.

They are only serialised, never run; it needs `flytekitplugins-` dask, ray, spark, kfpytorch, kftensorflow and
kfmpi, but not what these need to work.
"""

from __future__ import annotations

from flytekit import PodTemplate, Resources, task
from flytekit.core.resources import pod_spec_from_resources
from flytekit.extras.accelerators import A100
from flytekitplugins import kfmpi, kfpytorch, kftensorflow
from flytekitplugins.dask import Dask, Scheduler, WorkerGroup
from flytekitplugins.ray import HeadNodeConfig, RayJobConfig, WorkerNodeConfig
from flytekitplugins.ray.task import AutoscalerOptionsConfig
from flytekitplugins.spark import Spark
from kubernetes.client import V1Container, V1EnvVar, V1PodSpec, V1Toleration

SMALL = Resources(cpu="500m", mem="512Mi")
LARGE = Resources(cpu="2", mem="2Gi")


@task(task_config=Spark(spark_conf={"spark.driver.memory": "512m", "spark.executor.instances": "2"}))
def spark(n: int) -> int:
    return n


@task(
    task_config=Spark(
        spark_conf={
            "spark.driver.cores": "1",
            "spark.executor.cores": "2",
            "spark.executor.instances": "3",
            "spark.executor.memory": "1g",
            "spark.kubernetes.executor.request.cores": "1500m",
        },
        hadoop_conf={"fs.s3a.endpoint": "http://minio"},
        executor_path="/usr/bin/python3",
        applications_path="local:///opt/main.py",
        driver_pod=PodTemplate(
            primary_container_name="driver",
            labels={"role": "driver"},
            pod_spec=V1PodSpec(
                containers=[
                    V1Container(name="driver", image="driver:v1", env=[V1EnvVar(name="ROLE", value="driver")])
                ],
                tolerations=[V1Toleration(key="drivers", operator="Exists")],
            ),
        ),
        executor_pod=PodTemplate(
            annotations={"mine": "executor"},
            pod_spec=V1PodSpec(containers=[], node_selector={"pool": "executors"}),
        ),
    ),
    environment={"MINE": "1"},
)
def spark_with_pods(n: int) -> int:
    return n


@task(task_config=RayJobConfig(worker_node_config=[WorkerNodeConfig(group_name="workers", replicas=2)]))
def ray(n: int) -> int:
    return n


@task(
    task_config=RayJobConfig(
        head_node_config=HeadNodeConfig(ray_start_params={"log-color": "True"}, requests=SMALL, limits=LARGE),
        worker_node_config=[
            WorkerNodeConfig(group_name="small", replicas=2, min_replicas=1, max_replicas=4, requests=SMALL),
            WorkerNodeConfig(
                group_name="large",
                replicas=1,
                ray_start_params={"num-cpus": "2"},
                pod_template=PodTemplate(
                    primary_container_name="ray-worker",
                    labels={"pool": "large"},
                    pod_spec=pod_spec_from_resources(
                        primary_container_name="ray-worker", requests=LARGE, limits=LARGE
                    ),
                ),
            ),
        ],
        enable_autoscaling=True,
        autoscaler_options=AutoscalerOptionsConfig(
            upscaling_mode=AutoscalerOptionsConfig.UpscalingMode.AGGRESSIVE,
            idle_timeout_seconds=60,
            image="autoscaler:v1",
            env={"LEVEL": "info"},
            limits=SMALL,
        ),
        runtime_env={"pip": ["numpy"]},
        shutdown_after_job_finishes=True,
        ttl_seconds_after_finished=60,
    ),
)
def ray_that_scales(n: int) -> int:
    return n


@task(task_config=Dask(workers=WorkerGroup(number_of_workers=2)), requests=SMALL, limits=LARGE)
def dask(n: int) -> int:
    return n


@task(
    task_config=Dask(
        scheduler=Scheduler(image="scheduler:v1", requests=SMALL, limits=SMALL),
        workers=WorkerGroup(number_of_workers=5, image="worker:v1", requests=SMALL, limits=LARGE),
    ),
)
def dask_with_images(n: int) -> int:
    return n


@task(
    task_config=kfpytorch.PyTorch(
        master=kfpytorch.Master(requests=SMALL, limits=LARGE),
        worker=kfpytorch.Worker(
            image="worker:v1",
            replicas=3,
            requests=LARGE,
            limits=LARGE,
            restart_policy=kfpytorch.RestartPolicy.FAILURE,
        ),
        run_policy=kfpytorch.RunPolicy(
            clean_pod_policy=kfpytorch.CleanPodPolicy.ALL,
            ttl_seconds_after_finished=120,
            active_deadline_seconds=600,
            backoff_limit=2,
        ),
    ),
    limits=Resources(gpu="1"),
    accelerator=A100,
)
def pytorch(n: int) -> int:
    return n


@task(task_config=kfpytorch.PyTorch(worker=kfpytorch.Worker(replicas=0), increase_shared_mem=False))
def pytorch_alone(n: int) -> int:
    return n


@task(
    task_config=kfpytorch.Elastic(nnodes="2:4", nproc_per_node=2, max_restarts=3, increase_shared_mem=False),
    requests=SMALL,
)
def pytorch_elastic(n: int) -> int:
    return n


@task(
    task_config=kftensorflow.TfJob(
        worker=kftensorflow.Worker(replicas=2, requests=SMALL),
        ps=kftensorflow.PS(replicas=1, image="ps:v1"),
        chief=kftensorflow.Chief(replicas=1),
        run_policy=kftensorflow.RunPolicy(clean_pod_policy=kftensorflow.CleanPodPolicy.RUNNING),
    ),
)
def tensorflow(n: int) -> int:
    return n


@task(
    task_config=kfmpi.MPIJob(
        launcher=kfmpi.Launcher(replicas=1, requests=SMALL),
        worker=kfmpi.Worker(
            replicas=3,
            command=["/usr/sbin/sshd", "-De"],
            requests=LARGE,
            restart_policy=kfmpi.RestartPolicy.NEVER,
        ),
        slots=2,
    ),
)
def mpi(n: int) -> int:
    return n


@task(
    task_config=kfmpi.HorovodJob(
        launcher=kfmpi.Launcher(replicas=1),
        worker=kfmpi.Worker(replicas=2, command=["--verbose"]),
    ),
)
def horovod(n: int) -> int:
    return n


ALL = (
    spark,
    spark_with_pods,
    ray,
    ray_that_scales,
    dask,
    dask_with_images,
    pytorch,
    pytorch_alone,
    pytorch_elastic,
    tensorflow,
    mpi,
    horovod,
)
