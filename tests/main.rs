//! All in-process tests in one binary.

#![forbid(unsafe_code)]

mod cli;
mod fuzz;
mod laws;
mod loki;
mod manners;
mod reach;
mod rest;
mod rude;
mod scale;
mod scenarios;
mod screens;
mod tidy;
mod traces;
mod wire;
mod world;
