import BenchKit
import Synchronization

/// Who submits a lane's next operation when the one before is durable.
enum Drive: String, Sendable {
    /// The durability callback itself, on the thread that runs it: by default the store's writer thread. No thread waits
    /// and none is woken, as where an event loop serves the clients.
    case callbacks
    /// A Swift task per lane that awaits `durable()`, on the cooperative pool.
    case tasks
    /// A thread per lane that blocks on a semaphore: how the peers' threads wait.
    case threads
}

/// What the lanes of one loop share.
final class LoopControl: Sendable {
    static let warmUp = -1
    static let stopped = -2

    /// Which histogram takes the latencies, or one of the two above.
    let phase = Atomic(LoopControl.warmUp)
    let running = Atomic(0)
    let failure = Mutex<(any Error)?>(nil)

    func fail(_ error: any Error) {
        failure.withLock { if $0 == nil { $0 = error } }
        phase.store(Self.stopped, ordering: .releasing)
    }
}

/// Clients with one operation in flight each, for as long as the loop runs.
final class ClosedLoop: Sendable {
    private static let stopDeadlineMilliseconds = 60_000
    private static let seedStep: UInt64 = 0x632B_E59B_D9B4_E019

    let control = LoopControl()
    private let lanes: [Lane]
    private let recorders: [Recorder]
    private let drive: Drive

    /// - Parameter phases: how many histograms there are.
    init(_ groups: [LaneGroup], drive: Drive = .callbacks, phases: Int = 1, seed: UInt64 = 1) {
        self.drive = drive
        var lanes: [Lane] = []
        var recorders: [Recorder] = []
        for group in groups {
            for number in 0..<group.lanes {
                // Callbacks of one store never run at the same time; tasks and threads do.
                if number == 0 || drive != .callbacks { recorders.append(Recorder(phases: phases)) }
                let random = seed &+ UInt64(lanes.count) &* Self.seedStep
                lanes.append(Lane(group, control, recorders[recorders.count - 1], random: random))
            }
        }
        self.lanes = lanes
        self.recorders = recorders
    }

    func start() throws {
        control.running.store(lanes.count, ordering: .relaxed)
        switch drive {
        case .callbacks: for lane in lanes { lane.startByCallbacks() }
        case .tasks: for lane in lanes { lane.startAsTask() }
        case .threads: for lane in lanes { try lane.startAsThread() }
        }
    }

    /// From now on latencies go to this histogram.
    func enter(phase: Int) {
        // A loop that has failed stays stopped.
        let current = control.phase.load(ordering: .relaxed)
        guard current != LoopControl.stopped else { return }
        _ = control.phase.compareExchange(expected: current, desired: phase, ordering: .releasing)
    }

    /// Lets every lane finish what it has in flight.
    func stop() throws {
        control.phase.store(LoopControl.stopped, ordering: .releasing)
        for _ in 0..<Self.stopDeadlineMilliseconds where control.running.load(ordering: .acquiring) > 0 {
            sleep(milliseconds: 1)
        }
        if let error = control.failure.withLock({ $0 }) { throw error }
        guard control.running.load(ordering: .acquiring) == 0 else {
            throw BenchError("operations are still in flight long after the end of the load")
        }
    }

    /// All latencies of one phase; only after `stop()`.
    func latencies(phase: Int = 0) -> Histogram {
        let sum = Histogram()
        for recorder in recorders { sum.add(recorder.histograms[phase]) }
        return sum
    }
}

/// Where latencies go, one histogram per phase.
final class Recorder: Sendable {
    let histograms: [Histogram]

    init(phases: Int) {
        histograms = (0..<phases).map { _ in Histogram() }
    }

    @inline(__always)
    func record(_ nanoseconds: Int, phase: Int) {
        if phase >= 0 { histograms[phase].record(nanoseconds) }
    }
}
