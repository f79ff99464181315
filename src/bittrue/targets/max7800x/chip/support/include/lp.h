/* Sleeping. */
#ifndef LP_H
#define LP_H

void MXC_LP_EnterSleepMode(void);
void MXC_LP_EnterLowPowerMode(void);
void MXC_LP_ClearWakeStatus(void);

#endif
