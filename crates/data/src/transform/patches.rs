//! The jittered grid of patches of jigsaw-like tasks (Noroozi and Favaro 2016).

use crate::image::Image;
use crate::rng::Rng;

/// How a square image is cut into `side`² patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    pub side: usize,
    /// Pixels by which a patch may be displaced within its cell, exclusive; patches are so much smaller.
    pub jitter: usize,
}

impl Grid {
    /// Patches (top, left) and their side, in an image of height `height`, column by column. `jitter[0]` displaces
    /// along x and `jitter[1]` along y, each `side`×`side` by column and row.
    ///
    /// # Errors
    /// The cells are not larger than the jitter, or the image is narrower than it is high.
    pub fn places(
        &self,
        width: usize,
        height: usize,
        jitter: &[Vec<usize>; 2],
    ) -> Result<(Vec<(usize, usize)>, usize), String> {
        let cell = height / self.side;
        if cell <= self.jitter {
            return Err(format!(
                "patches: a {0}x{0} grid of an image of height {height} has cells of {cell} pixels, \
                 not more than the jitter of {1}",
                self.side, self.jitter
            ));
        }
        if cell * self.side > width {
            return Err(format!(
                "patches: the image of {width}x{height} must be at least as wide as it is high"
            ));
        }
        let mut places = Vec::with_capacity(self.side * self.side);
        for column in 0..self.side {
            for row in 0..self.side {
                let at = column * self.side + row;
                places.push((row * cell + jitter[1][at], column * cell + jitter[0][at]));
            }
        }
        Ok((places, cell - self.jitter))
    }

    /// Cuts an image at random displacements.
    ///
    /// # Errors
    /// See [`Grid::places`].
    pub fn cut(&self, image: &Image, rng: &mut Rng) -> Result<Vec<Image>, String> {
        let count = self.side * self.side;
        let mut draw = || (0..count).map(|_| rng.below(self.jitter)).collect();
        let jitter = [draw(), draw()];
        let (places, side) = self.places(image.width, image.height, &jitter)?;
        Ok(places
            .into_iter()
            .map(|(top, left)| image.crop(left as isize, top as isize, side, side))
            .collect())
    }
}
