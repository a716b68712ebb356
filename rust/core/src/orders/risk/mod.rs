//! Risk: every order is checked before it is written anywhere.
