//! The newtypes and closed enums of the trade.
//!
//! Owns the vocabulary that every other room speaks. Holds no I/O, no async and no
//! knowledge of AWS SDKs, GitHub or clap; imports nothing else of ours.

mod alarm;
mod deployment;
mod image;
mod name;
mod observed;
mod outcome;
mod revision;
mod stack;
mod traffic;

pub use alarm::{AlarmReading, AlarmState};
pub use deployment::{
    DeploymentId, DeploymentStatus, LifecycleEvent, LifecycleName, LifecycleStatus, TaskSetRole,
    TaskSetState,
};
pub use image::{ImageFinding, ImagePlan, ImageVerdict, Vulnerability};
pub use name::{AccountId, EnvironmentName, InvalidName, ServiceName, Suffix};
pub use observed::{
    DeploymentConfig, Group, Identity, Image, LiveRevision, Observed, ObservedService, PairedGroup,
    PastTraffic, RunningDeployment, ScalableTarget, TargetHealth,
};
pub use outcome::{Outcome, OutcomeKind};
pub use revision::{GoodRevision, ImageDigest, Revision};
pub use stack::{
    ChangeAction, ChangeSet, ChangeSetStatus, Difference, Drift, ObservedStack, ObservedStacks,
    PropertyChange, ResourceChange, StackEvent, StackKey, StackPhase, StackResource, StackStatus,
};
pub use traffic::{Colour, Shift, Weight, Weights};
