import Engine
import NIOCore

/// Calls of `configuration::*` functions through the engine, each bounded in time: whoever serves them, here or in a
/// connected worker, may hang.
struct ConfigurationBus {
    /// Longest wait for one answer.
    static let timeout = TimeAmount.seconds(10)

    let engine: Engine

    enum Failure: Error, CustomStringConvertible {
        case timedOut(String)
        case refused(InvocationError)

        var description: String {
            switch self {
            case .timedOut(let function): "\(function) has not answered within \(ConfigurationBus.timeout.seconds) s"
            case .refused(let error): "\(error)"
            }
        }
    }

    func serves(_ function: String) -> Bool {
        engine.function(function) != nil
    }

    /// Fails with `Failure` only.
    func call(_ function: String, _ data: JSONObject) -> EventLoopFuture<RawJSON?> {
        let promise = engine.loop.makePromise(of: RawJSON?.self)
        var isAnswered = false
        let timeout = engine.loop.assumeIsolated().scheduleTask(in: Self.timeout) {
            guard !isAnswered else { return }
            isAnswered = true
            promise.fail(Failure.timedOut(function))
        }
        engine.invoke(function, data: RawJSON(.object(data))) { outcome in
            // An answer that comes too late is nobody's.
            guard !isAnswered else { return }
            isAnswered = true
            timeout.cancel()
            switch outcome {
            case .success(let result): promise.succeed(result)
            case .failure(let error): promise.fail(Failure.refused(error))
            }
        }
        return promise.futureResult
    }

    /// The stored value; nil when there is none (`NOT_FOUND`, null, no value).
    func value(of id: String) -> EventLoopFuture<ConfigBlock?> {
        call("configuration::get", ["id": .string(id)])
            .flatMapThrowing { reply -> ConfigBlock? in
                guard let reply else { return nil }
                let block = ConfigBlock(try reply.parse().object?["value"])
                return block.json == nil ? nil : block
            }
            .flatMapErrorThrowing { error in
                if case .refused(let refusal)? = error as? Failure, refusal.code == "NOT_FOUND" { return nil }
                throw error
            }
    }
}

extension TimeAmount {
    fileprivate var seconds: Int64 { nanoseconds / 1_000_000_000 }
}
