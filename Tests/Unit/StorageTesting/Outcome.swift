import Synchronization

@testable import Storage

/// What a callback was told.
final class Outcome<R: Sendable>: Sendable {
    private let state = Mutex<Result<R, StorageError>?>(nil)

    var value: Result<R, StorageError>? { state.withLock { $0 } }

    func set(_ result: Result<R, StorageError>) {
        state.withLock { $0 = result }
    }
}
