//! Pure functions of the model, one per equation.
