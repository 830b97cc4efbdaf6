import Engine
import Storage
import Workers

/// Items that have reached their age.
extension DurableStreamAdapter {
    /// Every group that has items is watched for its oldest one.
    func startExpiry() throws {
        guard let expiry else { return }
        expiry.expire = { [unowned self] group, upTo, done in self.expire(group, upTo, done) }
        let groups = try access.store.read { view in
            var groups: [(StreamGroup, Int64)] = []
            view.scanNames(in: StreamRows.streams) { id, stream in
                view.scanNames(in: StreamRows.groups, parent: Bytes(bigEndian: id)) { _, name in
                    let group = StreamGroup(stream: stream, group: name)
                    if let created = view.oldestCreation(group) { groups.append((group, created)) }
                    return true
                }
                return true
            }
            return groups
        }.wait()
        for (group, created) in groups { expiry.add(group, created: created) }
    }

    private func expire(_ group: StreamGroup, _ upTo: Int64, _ done: @escaping (Int64?) -> Void) {
        let finish: (Result<Int64?, AdapterError>) -> Void = { result in
            switch result {
            case .success(let oldest): done(oldest)
            // A full disk, say: later. It counts as just created.
            case .failure: done(upTo + StreamExpiry.retryMilliseconds)
            }
        }
        write(finish) { transaction, draft in
            let gone = transaction.expire(group, upTo: upTo, self.retention, sparing: !draft.isKept)
            for item in gone { draft.add(.delete(item.old), item.id, group, &transaction) }
            return transaction.oldestCreation(group)
        } at: { oldest, _ in
            oldest
        }
    }
}
