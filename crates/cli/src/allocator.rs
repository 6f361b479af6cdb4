//! An allocator that asks for huge pages where tables are large.
//!
//! A policy passes over a slot several times, and the tables of a large city exceed the caches. With pages of 4 KiB the
//! processor then spends its time in page tables: huge pages save a twelfth of `price` with 100,000 vehicles
//! (`docs/benchmarks.md`). Most systems grant them only on request. A `Vec` cannot make the request, so the allocator
//! does. The choice of the allocator belongs to a program, so this is part of the program and of no library.
//!
//! Smaller blocks come from mimalloc: a busy centre, which allocates on one thread and frees on another, answers sooner
//! than with the GNU C library's allocator (`docs/decisions/0008-locality.md`).

// `GlobalAlloc` is an unsafe trait. Every call goes on to one of two allocators, chosen by the size of the layout alone.
#![allow(unsafe_code)]

use mimalloc::MiMalloc;
use std::alloc::{GlobalAlloc, Layout, System};

/// mimalloc, with blocks of [`LARGE_BYTES`] and more from the system, on huge pages where it has them.
pub(crate) struct ProgramAllocator;

/// Size of a huge page \[byte\]. On a system with another size the alignment is of no use.
const HUGE_BYTES: usize = 2 << 20;

/// Blocks of this size and more get huge pages \[byte\]; the smallest leave three quarters of a page empty.
const LARGE_BYTES: usize = HUGE_BYTES / 4;

/// What the system's allocator may keep of freed memory, in each of its arenas \[byte\].
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_BYTES: libc::c_int = 4 << 20;

impl ProgramAllocator {
    /// Limits the freed memory that the system's allocator keeps. The GNU C library raises the limit with every larger block
    /// that is freed, up to 64 MiB an arena: a quarter of what a city takes (`docs/benchmarks.md`). To be called once, at the start.
    pub(crate) fn give_back_soon() {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        // SAFETY: sets two limits of the allocator and touches no block.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, KEPT_BYTES);
            libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES);
        }
    }

    /// Whether a block is large enough.
    fn serves(layout: Layout) -> bool {
        layout.size() >= LARGE_BYTES
    }

    /// The layout of a large block as it is really allocated: it fills whole huge pages.
    fn placed(layout: Layout) -> Layout {
        // the system refuses what is too large to be rounded up
        layout
            .align_to(HUGE_BYTES)
            .map_or(layout, |aligned| aligned.pad_to_align())
    }

    /// Asks for huge pages; a system without them answers with an error, which is ignored.
    #[cfg(target_os = "linux")]
    fn advise(block: *mut u8, placed: Layout) {
        if !block.is_null() {
            // SAFETY: the range is the block just allocated, and the advice does not change its contents.
            unsafe {
                libc::madvise(block.cast(), placed.size(), libc::MADV_HUGEPAGE);
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn advise(_: *mut u8, _: Layout) {}
}

// SAFETY: a small block comes from mimalloc under its layout and goes back to it under the same. A large one comes from
// `System` under `placed(layout)`, which depends on the layout alone and is at least as large and as aligned, and goes
// back to it under the same.
unsafe impl GlobalAlloc for ProgramAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !Self::serves(layout) {
            // SAFETY: handed on as it is.
            return unsafe { MiMalloc.alloc(layout) };
        }
        let placed = Self::placed(layout);
        // SAFETY: no smaller than `layout`, whose size the caller vouches for.
        let block = unsafe { System.alloc(placed) };
        Self::advise(block, placed);
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !Self::serves(layout) {
            // SAFETY: handed on as it is.
            return unsafe { MiMalloc.alloc_zeroed(layout) };
        }
        // SAFETY: the caller's conditions are those of `alloc`; the block is ours and as large as `layout`.
        unsafe {
            let block = self.alloc(layout);
            if !block.is_null() {
                block.write_bytes(0, layout.size());
            }
            block
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the allocator and the layout by which it was allocated.
        unsafe {
            match Self::serves(layout) {
                true => System.dealloc(block, Self::placed(layout)),
                false => MiMalloc.dealloc(block, layout),
            }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller vouches that `size` is not zero and can be rounded up to the alignment.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (Self::serves(layout), Self::serves(new)) {
            // SAFETY: handed on as it is.
            (false, false) => unsafe { MiMalloc.realloc(block, layout, size) },
            (true, true) if Self::placed(layout) == Self::placed(new) => block,
            // SAFETY: two blocks, each at least as large as what is copied; the old one is not used again.
            _ => unsafe {
                let moved = self.alloc(new);
                if !moved.is_null() {
                    moved.copy_from_nonoverlapping(block, layout.size().min(size));
                    self.dealloc(block, layout);
                }
                moved
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).expect("small")
    }

    /// Contents are kept across every kind of change of size.
    #[test]
    fn property_blocks_keep_what_is_in_them() {
        let sizes = [
            100,
            LARGE_BYTES - 1,
            LARGE_BYTES,
            HUGE_BYTES - 1,
            HUGE_BYTES,
            HUGE_BYTES + 1,
            2 * HUGE_BYTES,
            5 * HUGE_BYTES + 77,
        ];
        for from in sizes {
            for to in sizes {
                // SAFETY: sizes and layouts as the contract wants them; only bytes inside the blocks are touched.
                unsafe {
                    let block = ProgramAllocator.alloc_zeroed(layout(from));
                    assert!(!block.is_null());
                    assert!((0..from).all(|i| *block.add(i) == 0));
                    for i in 0..from {
                        *block.add(i) = (i % 251) as u8;
                    }
                    let moved = ProgramAllocator.realloc(block, layout(from), to);
                    assert!((0..from.min(to)).all(|i| *moved.add(i) == (i % 251) as u8));
                    if to >= LARGE_BYTES {
                        assert_eq!(moved.addr() % HUGE_BYTES, 0);
                    }
                    moved.write_bytes(1, to);
                    ProgramAllocator.dealloc(moved, layout(to));
                }
            }
        }
    }

    /// The kernel marks mappings so advised with `hg`.
    #[test]
    #[cfg(target_os = "linux")]
    fn oracle_the_kernel_was_asked() {
        let large = layout(3 * HUGE_BYTES);
        // SAFETY: allocated and given back under one layout.
        let flags = unsafe {
            let block = ProgramAllocator.alloc(large);
            let flags = flags_of(block.addr());
            ProgramAllocator.dealloc(block, large);
            flags
        };
        match flags {
            Some(flags) => assert!(flags.split(' ').any(|flag| flag == "hg"), "{flags}"),
            None => println!("skipped: /proc/self/smaps does not show flags"),
        }
    }

    /// `VmFlags` of the mapping around an address.
    #[cfg(target_os = "linux")]
    fn flags_of(address: usize) -> Option<String> {
        let maps = std::fs::read_to_string("/proc/self/smaps").ok()?;
        let mut inside = false;
        for line in maps.lines() {
            let range = line.split(' ').next().and_then(|r| r.split_once('-'));
            if let Some((begin, end)) = range
                && let Ok(begin) = usize::from_str_radix(begin, 16)
                && let Ok(end) = usize::from_str_radix(end, 16)
            {
                inside = (begin..end).contains(&address);
            }
            if inside && let Some(flags) = line.strip_prefix("VmFlags: ") {
                return Some(flags.to_owned());
            }
        }
        None
    }
}
