//! Numbers sixteen characters at once, and levels of a book sixty-four, on processors with AVX2 and BMI (x86-64-v3: Intel since
//! Haswell, AMD since Zen).
//!
//! Where numbers end is found by one comparison of all characters, without a branch on how many digits they have; a number's
//! digits move over its point by one shift, and three multiply-and-add instructions join them.

#[cfg(not(target_arch = "x86_64"))]
pub(in super::super) use none::Wide;
#[cfg(target_arch = "x86_64")]
pub(in super::super) use x86::Wide;

#[cfg(not(target_arch = "x86_64"))]
mod none;
#[cfg(target_arch = "x86_64")]
mod rows;
#[cfg(target_arch = "x86_64")]
mod vectors;
#[cfg(target_arch = "x86_64")]
mod x86;
