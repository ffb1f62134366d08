//! What is drawn, of samples that have everything that a plan or a report can have.

mod browser;
mod drawings;
mod pages;
mod places;
mod samples;
