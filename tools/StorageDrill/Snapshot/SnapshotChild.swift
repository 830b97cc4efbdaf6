import CRecorder
import Glibc
import Storage

/// The processes of `SnapshotRounds`: one commits under the recorder, others try images, which may end them.
struct SnapshotChild {
    /// One image; longer than any takes. Then the process ends by SIGALRM.
    static let patienceSeconds: UInt32 = 20

    private let plan: SnapshotPlan

    static func run(_ plan: SnapshotPlan) throws {
        let child = SnapshotChild(plan: plan)
        if plan.images == 0 { try child.record() } else { try child.tryImages() }
    }

    private func record() throws {
        let scenario = plan.scenario
        try DrillFiles.createDirectories(plan.root + "/snapshot")
        var trial: SnapshotTrial?
        for generation in 1...SnapshotScenario.recordedGenerations.upperBound {
            // Rotation: a store is opened with its new key.
            if scenario.kind == .resealing || trial == nil {
                trial?.close()
                trial = try SnapshotTrial(
                    store: plan.root,
                    keys: scenario.keys(of: generation),
                    create: generation == 1
                )
            }
            try trial?.commit(scenario.changes(of: generation))
            recorder_mark(generation)
        }
        trial?.close()
    }

    private func tryImages() throws(DrillError) {
        let journal = try Journal(path: plan.journal)
        let states = SnapshotRounds.states(journal, plan)
        let choice = StateChoice(states, limit: plan.images, seed: plan.seed)
        let trial = try ImageTrial(plan.scenario, directory: "\(plan.scratch)/lane-\(plan.lane)")
        let file = try OpenFile(plan.tallies, O_WRONLY | O_CREAT)
        // LMDB's assertions have nothing to say to whoever reads the drill's words.
        let silence = try OpenFile("/dev/null", O_WRONLY)
        let words = dup(STDERR_FILENO)
        dup2(silence.descriptor, STDERR_FILENO)
        defer {
            dup2(words, STDERR_FILENO)
            close(words)
        }
        var tally = SnapshotTally()
        for index in choice.items.indices where index % plan.lanes == plan.lane && index >= plan.first {
            tally.next = index
            tally.isInTool = true
            try tally.save(file)
            alarm(Self.patienceSeconds)
            let item = choice.items[index]
            let state = states[item.commit].state(at: item.state)
            let generation = states[item.commit].commit.generation
            if let problem = tally.addTool(try trial.inspect(state.bytes, generation: generation), state) {
                say("\(index) \(problem)")
            }
            tally.isInTool = false
            try tally.save(file)
            let outcome = try trial.run(state.bytes, generation: generation)
            if let problem = tally.add(outcome, state) {
                say("\(index) \(problem)")
            }
        }
        alarm(0)
        tally.next = choice.items.count
        try tally.save(file)
    }

    private func say(_ text: String) {
        let line = Array(text.utf8.map { $0 == 0x0A ? 0x20 : $0 } + [0x0A])
        _ = write(STDOUT_FILENO, line, line.count)
    }
}

extension SnapshotTally {
    /// What a tool made of the image. nil: as it must be.
    mutating func addTool(_ outcome: TrialOutcome, _ state: CommitStates.State) -> String? {
        switch outcome {
        case .wrong(let what): return "\(SnapshotRounds.tool) shows it as sound: \(what)"
        case .refused, .detected:
            guard state.expected == nil else { return "\(SnapshotRounds.tool): \(outcome)" }
            reported += 1
        case .right, .earlier: shown += state.expected == nil ? 1 : 0
        }
        return nil
    }

    /// nil: as it must be.
    mutating func add(_ outcome: TrialOutcome, _ state: CommitStates.State) -> String? {
        if state.expected != nil {
            guard outcome == .right else { return "\(outcome)" }
            sound += 1
            return nil
        }
        switch outcome {
        case .right: right += 1
        case .earlier: earlier += 1
        case .refused: refused += 1
        case .detected: detected += 1
        case .wrong(let what): return "unnoticed: \(what)"
        }
        return nil
    }
}
