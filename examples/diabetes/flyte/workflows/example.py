"""Predict the onset of diabetes with gradient-boosted trees, in four cached Flyte tasks.

    split_traintest_dataset -> fit -> predict -> score

The data are 768 patients of the Pima Indians Diabetes study, one row each, without a header: eight
measurements and whether diabetes was diagnosed. A third of the rows is held back; the model is trained on the
rest and its accuracy is measured on what it has not seen.

The tables travel between the tasks as typed ``FlyteSchema`` values and the model as a joblib file. Every task
is cached: a second run with the same inputs takes its results from the data catalog and computes nothing.

The file runs unchanged with a current flytekit and with flytekit 1.1.0 on Python 3.8 (``requirements-2022.txt``).
"""

import os
import tempfile
import typing
from collections import OrderedDict
from dataclasses import dataclass

import joblib
import pandas as pd
from dataclasses_json import dataclass_json
from flytekit import Resources, task, workflow
from flytekit.types.file import FlyteFile, JoblibSerializedFile
from flytekit.types.schema import FlyteSchema
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from xgboost import XGBClassifier

CACHE_VERSION = "1.0"
"""Raise it when a task's meaning changes: results cached under another version are not used."""

DATASET = "data/pima-indians-diabetes.csv"
"""The copy in this project, relative to the folder that holds ``flyte/``."""

FEATURES = OrderedDict(
    pregnancies=int,
    glucose=int,
    blood_pressure=int,
    skin_thickness=int,
    insulin=int,
    body_mass_index=float,
    pedigree=float,
    age=int,
)
"""What is known about a patient: column name and type, in the order of the file."""

DIAGNOSIS = OrderedDict(diabetes=int)
"""What is to be predicted: 1 for diabetes, 0 for none."""


@dataclass_json
@dataclass
class Hyperparameters:
    """The knobs of the classifier.

    ``base_score`` and ``tree_method`` are written out because XGBoost has changed their defaults over the
    years: with them fixed, releases from 1.6 to today build the very same trees.
    """

    max_depth: int = 4
    learning_rate: float = 0.1
    n_estimators: int = 100
    objective: str = "binary:logistic"
    booster: str = "gbtree"
    base_score: float = 0.5
    tree_method: str = "exact"
    n_jobs: int = 1


Split = typing.NamedTuple(
    "Split",
    x_train=FlyteSchema[FEATURES],
    x_test=FlyteSchema[FEATURES],
    y_train=FlyteSchema[DIAGNOSIS],
    y_test=FlyteSchema[DIAGNOSIS],
)
Outcome = typing.NamedTuple("Outcome", model=JoblibSerializedFile, accuracy=float)


@task(cache=True, cache_version=CACHE_VERSION, limits=Resources(mem="400Mi"))
def split_traintest_dataset(dataset: FlyteFile["csv"], seed: int, test_split_ratio: float) -> Split:
    """Read the patients and shuffle them, reproducibly for one seed, into a training and a test set."""
    columns = list(FEATURES) + list(DIAGNOSIS)
    patients = pd.read_csv(str(dataset.download()), names=columns)
    x_train, x_test, y_train, y_test = train_test_split(
        patients[list(FEATURES)], patients[list(DIAGNOSIS)], test_size=test_split_ratio, random_state=seed
    )
    return Split(
        x_train=x_train.reset_index(drop=True),
        x_test=x_test.reset_index(drop=True),
        y_train=y_train.reset_index(drop=True),
        y_test=y_test.reset_index(drop=True),
    )


@task(cache=True, cache_version=CACHE_VERSION, limits=Resources(mem="400Mi"))
def fit(
    x: FlyteSchema[FEATURES], y: FlyteSchema[DIAGNOSIS], hyperparameters: Hyperparameters
) -> typing.NamedTuple("Fitted", model=JoblibSerializedFile):
    """Train the classifier and keep it as a joblib file."""
    model = XGBClassifier(
        max_depth=hyperparameters.max_depth,
        learning_rate=hyperparameters.learning_rate,
        n_estimators=hyperparameters.n_estimators,
        objective=hyperparameters.objective,
        booster=hyperparameters.booster,
        base_score=hyperparameters.base_score,
        tree_method=hyperparameters.tree_method,
        n_jobs=hyperparameters.n_jobs,
    )
    model.fit(x.open().all(), y.open().all().values.ravel())
    path = os.path.join(tempfile.mkdtemp(), "model.joblib")
    joblib.dump(model, path)
    return (path,)


@task(cache=True, cache_version=CACHE_VERSION, limits=Resources(mem="400Mi"))
def predict(
    x: FlyteSchema[FEATURES], model: JoblibSerializedFile
) -> typing.NamedTuple("Predicted", predictions=FlyteSchema[DIAGNOSIS]):
    """Diagnose every patient of ``x``."""
    classifier = joblib.load(str(model.download()))
    predictions = classifier.predict(x.open().all())
    return (pd.DataFrame({"diabetes": [int(value) for value in predictions]}),)


@task(cache=True, cache_version=CACHE_VERSION, limits=Resources(mem="400Mi"))
def score(
    predictions: FlyteSchema[DIAGNOSIS], y: FlyteSchema[DIAGNOSIS]
) -> typing.NamedTuple("Scored", accuracy=float):
    """Return the share of patients whose diagnosis was predicted rightly."""
    accuracy = float(accuracy_score(y.open().all(), predictions.open().all()))
    print("Accuracy: %.2f%%" % (accuracy * 100.0))
    return (accuracy,)


@workflow
def diabetes_xgboost_model(
    dataset: FlyteFile["csv"] = DATASET, test_split_ratio: float = 0.33, seed: int = 7
) -> Outcome:
    """Train on two thirds of the patients, measure on the other third; return the model and its accuracy."""
    split = split_traintest_dataset(dataset=dataset, seed=seed, test_split_ratio=test_split_ratio)
    fitted = fit(x=split.x_train, y=split.y_train, hyperparameters=Hyperparameters(max_depth=4))
    predicted = predict(x=split.x_test, model=fitted.model)
    scored = score(predictions=predicted.predictions, y=split.y_test)
    return Outcome(model=fitted.model, accuracy=scored.accuracy)


if __name__ == "__main__":
    print(diabetes_xgboost_model())
