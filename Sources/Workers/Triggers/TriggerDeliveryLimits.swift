/// What one trigger may hold in the engine. Beyond, its new events are dropped, counted and logged.
struct TriggerDeliveryLimits {
    /// Events that wait for a condition's answer, or for a handler that is `invocations` answers behind.
    var waitingEvents = 10_000
    /// Their bytes. An event that alone is larger still waits, when nothing else does.
    var waitingBytes = 64 << 20
    /// What one lane may take of both: a condition that hangs for one key leaves the other keys room.
    var laneEvents = 5_000
    var laneBytes = 32 << 20
    /// Calls of the handler without an answer. A quarter of what a worker may hold altogether
    /// (`WorkerConnection.Limits.pendingCalls`): one handler that hangs doesn't shut its worker's other functions.
    var invocations = 65_536

    /// For a trigger whose events all go through one lane.
    static var singleLane: TriggerDeliveryLimits {
        var limits = TriggerDeliveryLimits()
        limits.laneEvents = limits.waitingEvents
        limits.laneBytes = limits.waitingBytes
        return limits
    }
}
