#if DEBUG && !III_TSAN
    import Glibc

    @testable import Storage

    extension Schedule {
        func act(_ who: Who) {
            switch who {
            case .writer:
                WriterLoop(
                    log: log,
                    wakeUp: writerWakeUp,
                    spareWakeUp: spareWakeUp,
                    checkpointWakeUp: checkpointWakeUp,
                    isStopping: isStopping
                ).run()
                loopEnded.post()
            case .checkpoint:
                CheckpointLoop(log: log, wakeUp: checkpointWakeUp, spareWakeUp: spareWakeUp, isStopping: isStopping).run()
                loopEnded.post()
            case .spare:
                // For the reserve, as `Store` does.
                spareWakeUp.post()
                SpareLoop(log: log, wakeUp: spareWakeUp, isStopping: isStopping).loop()
                loopEnded.post()
            case .backup: backup()
            case .writes: for step in 0..<8 { write("w\(step)") }
            case .reads: for _ in 0..<8 { read() }
            case .blocks: for step in 0..<5 { block("b\(step)") }
            case .close: close()
            }
        }

        /// What goes wrong is allowed to: the store has failed, is full, or is closed.
        private func refused(_ error: any Error, by what: String) {
            guard fault == .none, let error = error as? StorageError else { return }
            if ![.closed, .overloaded].contains(error.code) { found("\(what) without a fault: \(error)") }
        }

        // MARK: Clients

        private func write(_ mark: String) {
            TurnSite.step.pause()
            switch Int.random(in: 0..<12, using: &generator) {
            case 0..<8:
                commit(mark) { _ in }
            case 8:
                let waiter = waiter()
                let isQueued = log.core.withLock { $0.callWhenUnsaturated { self.answers[waiter] += 1 } }
                if !isQueued { answers[waiter] += 1 }
            case 9:
                let waiter = waiter()
                log.requestCheckpoint { _ in self.answers[waiter] += 1 }
                checkpointWakeUp.post()
            case 10: disk.limit(to: nil)
            default:
                if fault == .damage { log.reportDamage(.snapshotDamaged("/store/snapshot", "a row")) }
            }
        }

        private func changes(_ mark: String) -> [ScheduleModel.Change] {
            (0..<Int.random(in: 1...3, using: &generator)).map { number in
                let key = Int.random(in: ScheduleModel.keys, using: &generator)
                switch Int.random(in: 0..<8, using: &generator) {
                case 0, 1: return .delete(key)
                case 2: return .trim(key..<min(key + 3, ScheduleModel.keys.upperBound))
                case 3: return .put(key, "\(mark).\(number)" + String(repeating: "x", count: 3000))
                default: return .put(key, "\(mark).\(number)")
                }
            }
        }

        /// Commits and calls back; the result says whether there is anything to wait for.
        @discardableResult
        func commit(_ mark: String, _ then: @escaping @Sendable (Pending<Void>) -> Void) -> Bool {
            let changes = changes(mark)
            var lsn: UInt64 = 0
            do {
                let (pending, wakesWriter) = try log.commit { transaction in
                    let first = transaction.nextLSN
                    for change in changes { change.apply(to: &transaction) }
                    lsn = transaction.nextLSN == first ? 0 : transaction.nextLSN.rawValue - 1
                    self.model.tried(lsn)
                }
                if lsn > 0 { model.committed(.init(lsn: lsn, changes: changes)) }
                if wakesWriter { writerWakeUp.post() }
                let waiter = waiter()
                pending.whenDurable { result in
                    self.answers[waiter] += 1
                    guard case .success = result else { return }
                    self.model.acknowledge(pending.lsn.rawValue)
                    self.tally.acknowledged += 1
                }
                then(pending)
                return true
            } catch {
                refused(error, by: "a commit")
                return false
            }
        }

        private func read() {
            TurnSite.step.pause()
            let from = Int.random(in: ScheduleModel.keys, using: &generator)
            let keys = chance(2) ? from..<(from + 1) : from..<ScheduleModel.keys.upperBound
            let before = model.lastCommitted
            let pending = log.read { view in keys.count == 1 ? view.row(from) : view.rows(keys) }
            let after = max(before, model.lastTried)
            let waiter = waiter()
            pending.whenDurable { result in
                self.answers[waiter] += 1
                switch result {
                case .success(let rows):
                    self.model.sights.append(.init(keys: keys, rows: rows, moments: before...after))
                    self.tally.shown += 1
                case .failure(let error): self.refused(error, by: "a read")
                }
            }
        }

        /// As `Pending.wait`, `Store.checkpoint` and `Store.waitUntilUnsaturated`.
        private func block(_ mark: String) {
            TurnSite.step.pause()
            let wakeUp = WakeUp()
            switch Int.random(in: 0..<6, using: &generator) {
            case 0..<3:
                commit(mark) { pending in
                    do throws(StorageError) {
                        try pending.wait()
                        self.model.acknowledge(pending.lsn.rawValue)
                    } catch {
                        self.refused(error, by: "a wait")
                    }
                }
            case 3:
                log.requestCheckpoint { error in
                    if let error { self.refused(error, by: "a checkpoint") }
                    wakeUp.post()
                }
                checkpointWakeUp.post()
                wakeUp.wait(nanoseconds: nil)
            case 4:
                if log.core.withLock({ $0.callWhenUnsaturated { wakeUp.post() } }) { wakeUp.wait(nanoseconds: nil) }
            default:
                // The writer idles and seals.
                wakeUp.wait(nanoseconds: 2 * options.sealAfterIdleNanoseconds)
            }
        }

        // MARK: Backup and end

        private func backup() {
            // They sync real directories: not each time.
            guard chance(3) else { return }
            TurnSite.rest(turns: Int.random(in: 0..<100, using: &generator))
            let acknowledged = model.acknowledged
            do throws(StorageError) {
                let report = try log.backup(to: target) { _ in TurnSite.callback.pause() }
                backedUp = (report, acknowledged)
                tally.backups += 1
            } catch {
                if access(target, F_OK) == 0 { found("a backup that failed has its name: \(error)") }
                if log.backups.isCancelled { tally.cancelledBackups += 1 }
                refused(error, by: "a backup")
            }
        }

        private func close() {
            TurnSite.rest(turns: Int.random(in: 0..<350, using: &generator))
            do throws(StorageError) {
                try log.stop {
                    isStopping.set()
                    writerWakeUp.post()
                    spareWakeUp.post()
                    checkpointWakeUp.post()
                    for _ in 0..<3 { loopEnded.wait(nanoseconds: nil) }
                }
            } catch {
                if fault == .none { found("closing failed: \(error)") }
            }
            let metrics = log.metrics
            tally.checkpoints += Int(metrics.checkpoints)
            tally.rotations += Int(metrics.segments)
        }
    }

    extension ScheduleModel.Change {
        func apply(to transaction: inout Transaction) {
            let table = SimulatedStore.rows
            switch self {
            case .put(let key, let value):
                transaction.put(table, key: ScheduleModel.key(key), value: Bytes(value.utf8))
            case .delete(let key): transaction.delete(table, key: ScheduleModel.key(key))
            case .trim(let keys):
                let (from, upTo) = (ScheduleModel.key(keys.lowerBound), ScheduleModel.key(keys.upperBound))
                transaction.trim(table, from: from, upTo: upTo)
            }
        }
    }

    extension ReadView {
        func row(_ key: Int) -> [Int: String] {
            get(SimulatedStore.rows, key: ScheduleModel.key(key)).map { [key: String(decoding: $0, as: UTF8.self)] } ?? [:]
        }

        func rows(_ keys: Range<Int>) -> [Int: String] {
            var rows: [Int: String] = [:]
            let (from, upTo) = (ScheduleModel.key(keys.lowerBound), ScheduleModel.key(keys.upperBound))
            scan(SimulatedStore.rows, from: from, upTo: upTo) { key, value in
                rows[Int(key[1]) - 48] = String(decoding: value, as: UTF8.self)
                return true
            }
            return rows
        }
    }
#endif
