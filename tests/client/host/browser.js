export { createClient, StepledgerError } from 'stepledger/client'
