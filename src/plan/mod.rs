//! Pure: model × observed -> the steps that are left, each with its reason.
