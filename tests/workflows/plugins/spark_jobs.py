"""A Spark task as the plugin's guide writes it: the session is in the context."""

from flytekit import current_context, task, workflow
from flytekitplugins.spark import Spark


def square(x: int) -> int:
    return x * x


@task(task_config=Spark(spark_conf={"spark.driver.memory": "512m", "spark.executor.instances": "2"}))
def on_spark(n: int) -> int:
    context = current_context().spark_session.sparkContext
    print("master:", context.master)
    return context.parallelize(range(n), 2).map(square).sum()


@workflow
def sum_of_squares(n: int) -> int:
    return on_spark(n=n)
