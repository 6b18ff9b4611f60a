"""Callbacks: code of the user's own between epochs and batches, with Keras's hooks.

Hooks for batches cost a trip into Python at the batches that a callback asks for (``batch_interval``), and at no
others.
"""

from fastbp.callbacks.backup_and_restore import BackupAndRestore
from fastbp.callbacks.base import Callback
from fastbp.callbacks.callback_list import CallbackList
from fastbp.callbacks.csv_logger import CSVLogger
from fastbp.callbacks.early_stopping import EarlyStopping
from fastbp.callbacks.history import History
from fastbp.callbacks.lambda_callback import LambdaCallback
from fastbp.callbacks.learning_rate_scheduler import LearningRateScheduler
from fastbp.callbacks.model_checkpoint import ModelCheckpoint
from fastbp.callbacks.progbar_logger import ProgbarLogger
from fastbp.callbacks.recorder import Recorder
from fastbp.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from fastbp.callbacks.tensorboard import TensorBoard
from fastbp.callbacks.terminate_on_nan import TerminateOnNaN
from fastbp.callbacks.time_budget import TimeBudget

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "Recorder",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TerminateOnNaN",
    "TimeBudget",
]
