//! The WebAssembly engine: wasmtime set up for life inside a database server.
//!
//! No signal handlers, no guard pages, one small thread. One engine lives as
//! long as the module; generations share it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use wasmtime::{Config, Enabled, OptLevel, PoolingAllocationConfig, Strategy};

use crate::artefact::Artefacts;
use crate::error::{Error, gist};
use crate::log::{GuestLog, Silent};
use crate::manifest::{Memory, PolicyKeys};
use crate::plugin::Shelf;
use crate::sandbox::INSTANCES;
use crate::ticker::Ticker;

/// The guest's stack. A thread that evaluates needs 1 MiB or more of its own.
pub(crate) const STACK_BYTES: usize = 256 << 10;
/// Address space set aside for a linear memory, and added when it must move.
const RESERVATION_BYTES: u64 = 2 << 20;
/// Instances in places at a time: of each worker one, and some for loaders.
const PLACES: u32 = 96;
/// The most memory of an instance in a place, all of it address space that is set aside.
pub(crate) const PLACE_BYTES: usize = 256 << 20;
/// The largest wasm of a policy that is compiled for a place before there is a snapshot of it:
/// that takes some hundred milliseconds.
pub(crate) const PLACED_BYTES: usize = 512 << 10;
/// Tables of an instance in a place: the guest's own, and that of what lifts it.
pub(crate) const TABLES: u32 = 2;
/// Entries of one of them. Unlike memories their places are there from the start, 12 MiB
/// altogether, and the server's crash report tests whatever memory there is.
pub(crate) const ENTRIES: usize = 8192;
/// What wasmtime itself notes about an instance; thousands of functions take megabytes.
const INSTANCE_BYTES: usize = 16 << 20;
/// The first bytes of a memory that are put back by copying rather than given back to
/// the system: as many as a small guest has, its stack included. What is above is shared
/// with the image until it is written to: copying it would cost more than that.
pub(crate) const COPIED_BYTES: usize = 256 << 10;
/// The same of a table.
const KEPT_TABLE_BYTES: usize = 16 << 10;
/// How much more CPU time than an evaluation the first `configure` and `describe` get.
pub(crate) const LOAD_FACTOR: u32 = 50;

/// What one evaluation may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// CPU time of the evaluating thread.
    pub cpu: Duration,
    /// Linear memory of all of a guest's memories together.
    pub memory_bytes: usize,
}

impl Default for Limits {
    /// 20 ms and 64 MiB.
    fn default() -> Self {
        Self {
            cpu: Duration::from_millis(20),
            memory_bytes: 64 << 20,
        }
    }
}

/// How an engine is made.
pub struct EngineSettings {
    /// Where compiled artefacts and the node key are kept; nowhere when `None`.
    pub state_dir: Option<PathBuf>,
    /// Bounds on one evaluation; [`Engine::set_limits`] changes them.
    pub limits: Limits,
    /// Who may sign policies; [`Engine::set_policy_keys`] changes them.
    pub policy_keys: PolicyKeys,
    /// The most decisions one generation remembers. One whose rules are longer than
    /// 4 KiB takes the place of as many as it has times that length.
    /// [`Engine::set_remembered_decisions`] changes it.
    pub remembered_decisions: u64,
    /// Where guests' messages go.
    pub log: Arc<dyn GuestLog>,
    /// What a thread does its work within that a load begins beside its own: the loader's
    /// thread is whoever calls.
    pub within: fn(&mut dyn FnMut()),
}

impl Default for EngineSettings {
    /// Nothing kept, default limits, unsigned policies, 10,000 decisions, no log.
    fn default() -> Self {
        Self {
            state_dir: None,
            limits: Limits::default(),
            policy_keys: PolicyKeys::default(),
            remembered_decisions: 10_000,
            log: Arc::new(Silent),
            within: |work| work(),
        }
    }
}

/// Loads generations and runs their policies.
#[derive(Clone)]
pub struct Engine {
    pub(crate) machine: Arc<Machine>,
}

/// What an engine and its generations share.
pub(crate) struct Machine {
    /// What finds no place, and plugins, which live on, are compiled for.
    pub(crate) wasm: wasmtime::Engine,
    /// What snapshots of policies, and small policies, are compiled for: places that are
    /// used again. A system that sets no such address space aside is served without.
    places: Option<wasmtime::Engine>,
    /// The same for large ones that find no place: fresh memory, shared with the image
    /// until it is written to.
    mapped: wasmtime::Engine,
    pub(crate) ticker: Ticker,
    pub(crate) artefacts: Option<Artefacts>,
    pub(crate) shelf: Shelf,
    pub(crate) log: Arc<dyn GuestLog>,
    pub(crate) within: fn(&mut dyn FnMut()),
    pub(crate) memory: Memory,
    policy_keys: RwLock<Arc<PolicyKeys>>,
    remembered_decisions: AtomicU64,
    pub(crate) compilations: AtomicU64,
    cpu_micros: AtomicU64,
    memory_bytes: AtomicUsize,
}

impl Engine {
    /// Sets up wasmtime, the state directory and the ticker thread.
    ///
    /// # Errors
    /// When wasmtime refuses this machine, the state directory is not ours
    /// alone, or no thread can be started.
    pub fn new(settings: EngineSettings) -> Result<Self, Error> {
        let refused = |e: wasmtime::Error| Error::Engine(gist(&format!("{e:#}")));
        let wasm = wasmtime::Engine::new(&config()).map_err(refused)?;
        let mapped = wasmtime::Engine::new(&mapped()).map_err(refused)?;
        let places = wasmtime::Engine::new(&pooled()).ok();
        let memory = Memory::new(settings.state_dir.clone());
        let artefacts = settings.state_dir.map(|dir| Artefacts::open(&dir));
        let artefacts = artefacts.transpose()?;
        let ticked = [Some(wasm.clone()), Some(mapped.clone()), places.clone()];
        let tick = move || {
            let ticked = ticked.iter().flatten();
            ticked.for_each(wasmtime::Engine::increment_epoch);
        };
        let ticker = Ticker::start(tick).map_err(Error::Ticker)?;
        let machine = Machine {
            wasm,
            places,
            mapped,
            ticker,
            artefacts,
            shelf: Shelf::default(),
            log: settings.log,
            within: settings.within,
            memory,
            policy_keys: RwLock::new(Arc::new(settings.policy_keys)),
            remembered_decisions: AtomicU64::new(settings.remembered_decisions),
            compilations: AtomicU64::new(0),
            cpu_micros: AtomicU64::new(0),
            memory_bytes: AtomicUsize::new(0),
        };
        machine.set_limits(settings.limits);
        Ok(Self {
            machine: Arc::new(machine),
        })
    }

    /// Changes the limits of evaluations that begin from now on.
    pub fn set_limits(&self, limits: Limits) {
        self.machine.set_limits(limits);
    }

    /// Changes how many decisions generations remember that are loaded from now on.
    pub fn set_remembered_decisions(&self, most: u64) {
        let remembered = &self.machine.remembered_decisions;
        remembered.store(most, Ordering::Relaxed);
    }

    /// Changes who may have signed what is loaded from now on. Where there are keys, every
    /// load of this engine verifies.
    pub fn set_policy_keys(&self, keys: PolicyKeys) {
        let keys = Arc::new(keys);
        // Held for moves of pointers; a poisoned lock holds a whole one.
        let current = self.machine.policy_keys.write();
        *current.unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// How often wasm was compiled rather than taken from an artefact or a previous generation.
    pub fn compilations(&self) -> u64 {
        self.machine.compilations.load(Ordering::Relaxed)
    }
}

impl Machine {
    /// How many decisions a generation remembers.
    pub(crate) fn remembered_decisions(&self) -> u64 {
        self.remembered_decisions.load(Ordering::Relaxed)
    }

    /// Who may have signed what is loaded.
    pub(crate) fn policy_keys(&self) -> Arc<PolicyKeys> {
        let keys = self.policy_keys.read();
        Arc::clone(&keys.unwrap_or_else(PoisonError::into_inner))
    }

    /// Where a policy whose wasm has so many bytes may find a place, until there is a
    /// snapshot of it: in fresh memory each decision takes twice as long, where several
    /// workers ask the system for it at the same time. `None` for a large one: what it costs
    /// to find out that it does not fit is no more than the compiling of a small one.
    pub(crate) fn place_for(&self, wasm_bytes: usize) -> Option<&wasmtime::Engine> {
        let places = self.places.as_ref();
        places.filter(|_| wasm_bytes <= PLACED_BYTES && self.limits().memory_bytes <= PLACE_BYTES)
    }

    /// What a snapshot is compiled for whose image has so many bytes: a place, where there
    /// are places and guests may use no more than one has. Otherwise fresh memory, into
    /// which a small image is copied and a large one mapped.
    pub(crate) fn snapshot_engine(&self, image_bytes: usize) -> &wasmtime::Engine {
        match &self.places {
            Some(places) if self.limits().memory_bytes <= PLACE_BYTES => places,
            _ if image_bytes > COPIED_BYTES => &self.mapped,
            _ => &self.wasm,
        }
    }

    /// The engines that [`snapshot_engine`](Self::snapshot_engine) can name now.
    pub(crate) fn snapshot_engines(&self) -> impl Iterator<Item = &wasmtime::Engine> {
        let [small, large] = [0, usize::MAX].map(|bytes| self.snapshot_engine(bytes));
        let other = Some(large).filter(|large| !wasmtime::Engine::same(small, large));
        [small].into_iter().chain(other)
    }

    /// Whether guests of this engine can use as much memory as these limits allow.
    pub(crate) fn has_room(&self, engine: &wasmtime::Engine, limits: Limits) -> bool {
        let placed = self
            .places
            .iter()
            .any(|p| wasmtime::Engine::same(p, engine));
        !placed || limits.memory_bytes <= PLACE_BYTES
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            cpu: Duration::from_micros(self.cpu_micros.load(Ordering::Relaxed)),
            memory_bytes: self.memory_bytes.load(Ordering::Relaxed),
        }
    }

    /// The limits of what runs once per load, on the loader's thread.
    pub(crate) fn load_limits(&self) -> Limits {
        let limits = self.limits();
        Limits {
            cpu: limits.cpu.saturating_mul(LOAD_FACTOR),
            ..limits
        }
    }

    fn set_limits(&self, limits: Limits) {
        let micros = u64::try_from(limits.cpu.as_micros()).unwrap_or(u64::MAX);
        self.cpu_micros.store(micros, Ordering::Relaxed);
        self.memory_bytes
            .store(limits.memory_bytes, Ordering::Relaxed);
    }
}

/// Settings for small policies and snapshots: places that instances come and go in, mapped once
/// and cleared in between, with images that are shared until they are written to. What
/// is cleared is what was written: where pages of memory are asked for that (`PAGEMAP_SCAN`),
/// one that was swapped out in between would be passed over.
fn pooled() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(PLACES)
        .total_component_instances(PLACES)
        .total_core_instances(PLACES * INSTANCES as u32)
        .total_tables(PLACES * TABLES)
        .max_core_instances_per_component(INSTANCES as u32)
        .max_memories_per_component(1)
        .max_tables_per_component(TABLES)
        .max_component_instance_size(INSTANCE_BYTES)
        .max_core_instance_size(INSTANCE_BYTES)
        .table_elements(ENTRIES)
        .max_memory_size(PLACE_BYTES)
        .linear_memory_keep_resident(COPIED_BYTES)
        .table_keep_resident(KEPT_TABLE_BYTES)
        .pagemap_scan(Enabled::No);
    let mut config = mapped();
    config
        .memory_reservation(PLACE_BYTES as u64)
        .allocation_strategy(pool);
    config
}

/// Settings for snapshots whose image is shared until it is written to.
fn mapped() -> Config {
    let mut config = config();
    config
        .memory_init_cow(true)
        // However sparse: what is not an image would be copied for each decision.
        .memory_guaranteed_dense_image_size(PLACE_BYTES as u64);
    config
}

/// Wasmtime's settings; each that is not its default has its reason.
fn config() -> Config {
    let mut config = Config::new();
    config
        // The server owns the process's signals: its crash report must stay whole.
        .signals_based_traps(false)
        .native_unwind_info(false)
        .wasm_backtrace_max_frames(None)
        // Every memory access is checked in code, so guard regions would only cost address space.
        .memory_guard_size(0)
        .guard_before_linear_memory(false)
        .memory_reservation(RESERVATION_BYTES)
        .memory_reservation_for_growth(RESERVATION_BYTES)
        // Where nothing is kept mapped, copying an image beats mapping it.
        .memory_init_cow(false)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        // Policies are synchronous and single-threaded, and equal inputs give equal answers.
        .concurrency_support(false)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    config
}
