#if DEBUG && !III_TSAN
    import CPlatform
    import Glibc

    @testable import Storage

    /// Runs actors on threads of their own, exactly one at a time: a seed decides who goes on at each of their pauses, locks
    /// and sleeps. What one seed does once it does always. Time passes in a simulated clock.
    ///
    /// If somebody waits for what never comes, `run` ends with a word about it, and leaves the threads where they are.
    ///
    /// `@unchecked Sendable`: one thread runs at a time, and their batons order them.
    final class Turnstile: @unchecked Sendable {
        /// Far more than any schedule takes: locks that wait for each other.
        static let maximumTurns = 100_000
        /// One in so many looks at who sleeps finds the time up although others could go on.
        private static let timeIsUp: UInt64 = 8
        /// One in so many locks is a pause.
        private static let lockIsPause: UInt64 = 4

        enum Phase {
            case runnable
            case asleep(until: UInt64?, isOver: () -> Bool)
            /// For so many turns of others.
            case resting(untilTurn: Int)
            case ended
        }

        /// `@unchecked Sendable`: its thread has it, and the others ask for nothing that changes.
        final class Actor: TurnTaker, @unchecked Sendable {
            let index: Int
            fileprivate let turnstile: Turnstile
            var seed: UInt64 { turnstile.seed }

            init(_ index: Int, _ turnstile: Turnstile) {
                self.index = index
                self.turnstile = turnstile
            }

            func mayPass() { turnstile.mayPass(index) }
            func pass(_ site: TurnSite) { turnstile.pass(index, site, .runnable) }

            func waitForLock(until isFree: @escaping () -> Bool) {
                turnstile.pass(index, .contention, .asleep(until: nil, isOver: isFree))
            }

            func rest(turns: Int) { turnstile.pass(index, .step, .resting(untilTurn: turnstile.turns + turns)) }

            func sleep(nanoseconds: UInt64?, until isOver: @escaping () -> Bool) {
                if isOver() { return }
                let now = turnstile.clock.time
                turnstile.pass(index, .sleep, .asleep(until: nanoseconds.map { now &+ $0 }, isOver: isOver))
            }
        }

        let seed: UInt64
        private let names: [String]
        private var generator: SeededGenerator
        private var phases: [Phase] = []
        private var sites: [TurnSite] = []
        private var left = 0
        private(set) var turns = 0
        /// Of who was where in which order.
        private(set) var trace: UInt64 = 0
        private var problem: String?
        private let batons: [Baton]
        private let isOver = Baton()
        private var processor: Int32 = -1
        private let coverage: TurnCoverage
        private let clock: SimulatedClock

        init(seed: UInt64, _ names: [String], _ clock: SimulatedClock, _ coverage: TurnCoverage) {
            self.seed = seed
            self.names = names
            self.clock = clock
            self.coverage = coverage
            generator = SeededGenerator(seed: ~seed)
            batons = names.map { _ in Baton() }
        }

        /// Returns what came to no end; nil: everybody ended.
        func run(_ bodies: [@Sendable () -> Void]) throws -> String? {
            phases = bodies.map { _ in .runnable }
            sites = bodies.map { _ in .step }
            left = bodies.count
            processor = Processors.current?() ?? -1
            let threads = try bodies.indices.map { index in
                try WorkerThread(name: names[index]) { self.take(index, bodies[index]) }
            }
            handOver(to: choose())
            isOver.wait()
            if let problem { return problem }
            for thread in threads { thread.join() }
            return nil
        }

        private func take(_ index: Int, _ body: () -> Void) {
            Self.stay(on: processor)
            batons[index].wait()
            Turns.run(as: Actor(index, self)) { body() }
            phases[index] = .ended
            left -= 1
            handOver(to: left == 0 ? nil : choose())
        }

        /// Handing over within one processor takes a few microseconds, waking another one a few times that.
        private static func stay(on processor: Int32) {
            guard processor >= 0, processor < 1024 else { return }
            var mask = [UInt64](repeating: 0, count: 16)
            mask[Int(processor) / 64] = 1 << (UInt64(processor) % 64)
            mask.withUnsafeBytes { _ = Processors.stay?(0, $0.count, $0.baseAddress) }
        }

        private func mayPass(_ index: Int) {
            guard generator.next() % Self.lockIsPause == 0 else { return }
            pass(index, .lock, .runnable)
        }

        private func pass(_ index: Int, _ site: TurnSite, _ phase: Phase) {
            phases[index] = phase
            sites[index] = site
            coverage.note(index, sites, phases)
            turns += 1
            trace = (trace &* 31 &+ UInt64(index)) &* 31 &+ UInt64(site.rawValue)
            if turns > Self.maximumTurns { problem = story("no end") }
            let next = problem == nil ? choose() : nil
            guard next != index else { return }
            handOver(to: next)
            batons[index].wait()
        }

        /// nil: there is nobody to go on.
        private func handOver(to next: Int?) {
            if let next { batons[next].pass() } else { isOver.pass() }
        }

        private func choose() -> Int? {
            var candidates = phases.indices.filter { if case .ended = phases[$0] { false } else { true } }
            while !candidates.isEmpty {
                let place = Int(generator.next() % UInt64(candidates.count))
                let index = candidates[place]
                if mayGoOn(index) {
                    phases[index] = .runnable
                    return index
                }
                candidates.swapAt(place, candidates.count - 1)
                candidates.removeLast()
            }
            return firstToWake()
        }

        private func mayGoOn(_ index: Int) -> Bool {
            if case .resting(let turn) = phases[index] { return turns >= turn }
            guard case .asleep(let until, let isOver) = phases[index] else { return true }
            if isOver() { return true }
            guard let until, generator.next() % Self.timeIsUp == 0 else { return false }
            clock.advance(to: until)
            return true
        }

        /// All sleep: somebody need not rest any longer, or the time until the first one wakes passes.
        private func firstToWake() -> Int? {
            for (index, phase) in phases.enumerated() {
                guard case .resting = phase else { continue }
                phases[index] = .runnable
                return index
            }
            var first: (index: Int, until: UInt64)?
            for (index, phase) in phases.enumerated() {
                guard case .asleep(let until?, _) = phase, until < first?.until ?? .max else { continue }
                first = (index, until)
            }
            guard let first else {
                problem = story("all wait for ever")
                return nil
            }
            clock.advance(to: first.until)
            phases[first.index] = .runnable
            return first.index
        }

        private func story(_ what: String) -> String {
            var places: [String] = []
            for index in phases.indices {
                if case .ended = phases[index] { continue }
                places.append("\(names[index]) at \(sites[index])")
            }
            return what + ": " + places.joined(separator: ", ")
        }
    }

    /// Calls that the C library's module doesn't show.
    private enum Processors {
        typealias Stay = @convention(c) (Int32, Int, UnsafeRawPointer?) -> Int32
        typealias Current = @convention(c) () -> Int32

        static let stay = dlsym(nil, "sched_setaffinity").map { unsafeBitCast($0, to: Stay.self) }
        static let current = dlsym(nil, "sched_getcpu").map { unsafeBitCast($0, to: Current.self) }
    }

    /// Lets one thread go on. `WakeUp` takes turns itself.
    ///
    /// `@unchecked Sendable`: POSIX semaphores may be used by any thread; the pointer never changes.
    private final class Baton: @unchecked Sendable {
        private let semaphore: OpaquePointer = iii_semaphore_create()

        deinit { iii_semaphore_destroy(semaphore) }

        func pass() { iii_semaphore_post(semaphore) }
        func wait() { _ = iii_semaphore_wait(semaphore, .max) }
    }
#endif
